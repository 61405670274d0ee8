"""What MySQL's column types refuse and change, as SQLite's expressions; `column.of` returns a column type's rule.

Strict mode is assumed, as PlanetScale and MySQL have it. The rules were read from the manual and are compared with a
server by `tests/kit/test_types_agree.py` in the template's repository.
Source: dev.mysql.com/doc/refman/8.4/en/data-types.html and …/sql-mode.html#sql-mode-strict
"""
