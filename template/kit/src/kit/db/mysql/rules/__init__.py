"""What MySQL refuses, found without a server: each rule has MySQL's error number and the way round.

message       a problem with its number
check         a statement of a migration, with the tables before and after it
types         a column's type and its arguments
exactness     types in which MySQL changes values
defaults      a column's default
names         names, comments, character sets
existing      what a statement creates that exists, and changes that doesn't
keys          indexes and keys
sizes         the bytes of a column, for `keys` and `rows`
rows          the size of a row
expressions   generated columns, checks and indexes on expressions
foreign_keys  foreign keys
partitions    partitions

Source of the numbers: dev.mysql.com/doc/mysql-errors/8.4/en/server-error-reference.html
"""
