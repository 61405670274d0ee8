"""The schema as MySQL has it, read without a database, and the migrations that are written from it.

render_sql     each migration's SQL for MySQL with the line that it comes from
parse          a statement's tree
definitions    what a table consists of, as MySQL understands it
columns        a column's definition, read from its tree
tables         what the tables look like after each statement
migrated       the tables after all migrations
models         the tables that the models declare
compare        what differs between the two
report         the same in sentences, for `make check`
new_migration  writes a migration for it, and reads it back
operations     the differences as Alembic's operations
sources        where their types and expressions come from: the models, or the definitions
column_types   a definition as a type of SQLAlchemy's
laptop         what SQLite has, where that is something else
written        how a migration's file says what Alembic has no words for
"""
