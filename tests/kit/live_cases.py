"""The cases of other projects' rules, translated to MySQL, and cases of the kit's own.

strong_migrations: github.com/ankane/strong_migrations, test/migrations/*.rb, as its tests say for MySQL, or for Postgres
where the case isn't about locks. django-migration-linter: github.com/3YOURMIND/django-migration-linter,
tests/test_project and tests/unit/test_sql_analyser.py. squawk: github.com/sbdchd/squawk, crates/squawk_linter/src/rules.
Left out are their cases about locks, transactions, concurrent indexes and Postgres' own types.
"""

from dataclasses import dataclass

BASE = [
    (
        "CREATE TABLE users (id BIGINT PRIMARY KEY AUTO_INCREMENT, name VARCHAR(100), city VARCHAR(50), country VARCHAR(20),"
        " description TEXT, credit_score DECIMAL(10, 5), deleted_at DATETIME(6), properties JSON, email VARCHAR(255) NOT NULL,"
        " state ENUM('new', 'old') NOT NULL DEFAULT 'new', points INT NOT NULL DEFAULT 0, rank_name VARCHAR(9) NOT NULL,"
        " device_id BIGINT, created_at DATETIME(6), updated_at DATETIME(6),"
        " twice INT GENERATED ALWAYS AS (points * 2) STORED NOT NULL,"
        " UNIQUE KEY uq_email (email), INDEX ix_city (city), CONSTRAINT ck_points CHECK (points >= 0)) COLLATE utf8mb4_0900_bin"
    ),
    "CREATE TABLE orders (id BIGINT PRIMARY KEY, user_id BIGINT, total DECIMAL(9, 2))",
    "CREATE TABLE admins (id BIGINT PRIMARY KEY, name VARCHAR(100))",
    "CREATE TABLE loose (id BIGINT NOT NULL, number INT)",
    "CREATE TABLE gone (id BIGINT PRIMARY KEY, c INT COMMENT 'unused: to be dropped') COMMENT 'unused: to be dropped'",
    "CREATE VIEW adults AS SELECT id FROM users",
]
"""The tables that a case's migration finds."""


@dataclass(frozen=True)
class Case:
    """A migration."""

    source: str
    name: str
    unsafe: bool
    """What the other project says; for the kit's own cases, what is right."""
    statements: tuple[str, ...]
    codes: tuple[str, ...] = ()
    """What the check says."""
    why: str = ""
    """Why it says otherwise than the other project."""


LOCK = "it is about a lock or a rewrite, and PlanetScale changes tables online"
EXPLICIT_NULL = "SQLAlchemy's ORM writes NULL for an attribute that isn't set, whatever the server's default is"


def strong(name: str, unsafe: bool, *statements: str, codes: str = "", why: str = "") -> Case:
    return Case("strong_migrations", name, unsafe, statements, tuple(codes.split()), why)


def django(name: str, unsafe: bool, *statements: str, codes: str = "", why: str = "") -> Case:
    return Case("django-migration-linter", name, unsafe, statements, tuple(codes.split()), why)


def squawk(name: str, unsafe: bool, *statements: str, codes: str = "", why: str = "") -> Case:
    return Case("squawk", name, unsafe, statements, tuple(codes.split()), why)


def kit(name: str, unsafe: bool, *statements: str, codes: str = "") -> Case:
    return Case("kit", name, unsafe, statements, tuple(codes.split()))


CHECK = "ALTER TABLE users ADD CONSTRAINT c CHECK (credit_score > 0)"
DROP = "LIVE_DROP_COLUMN"
CASES = [
    strong("AddCheckConstraint", True, CHECK, codes="LIVE_CHECK"),
    strong("AddCheckConstraintName", True, "ALTER TABLE users ADD CONSTRAINT credit_check CHECK (credit_score > 0)", codes="LIVE_CHECK"),
    strong("AddCheckConstraintNewTable", False, "CREATE TABLE new_users (id INT PRIMARY KEY, name VARCHAR(9))", "ALTER TABLE new_users ADD CONSTRAINT n CHECK (name IS NOT NULL)"),
    strong("AddColumnDefault", False, "ALTER TABLE users ADD nice BOOL DEFAULT true"),
    strong("AddColumnDefaultSafe", False, "ALTER TABLE users ADD nice BOOL", "ALTER TABLE users ALTER nice SET DEFAULT false"),
    strong("AddColumnDefaultCallableNow", True, "ALTER TABLE users ADD nice DATETIME(6) DEFAULT (now(6))", why=LOCK),
    strong("AddColumnDefaultCallableNowSafe", False, "ALTER TABLE users ADD nice DATETIME(6)", "ALTER TABLE users ALTER nice SET DEFAULT (now(6))"),
    strong("AddColumnGeneratedStored", True, "ALTER TABLE users ADD nice VARCHAR(50) GENERATED ALWAYS AS (lower(city)) STORED", why=LOCK),
    strong("AddColumnGeneratedVirtual", False, "ALTER TABLE users ADD nice VARCHAR(50) GENERATED ALWAYS AS (lower(city)) VIRTUAL"),
    strong("AddColumnPrimaryKey", True, "ALTER TABLE loose ADD nice BIGINT PRIMARY KEY AUTO_INCREMENT", codes="LIVE_AUTO_INCREMENT"),
    strong("AddForeignKey", True, "ALTER TABLE users ADD CONSTRAINT f FOREIGN KEY (device_id) REFERENCES orders (id)", codes="LIVE_FOREIGN_KEY"),
    strong("AddIndex", False, "CREATE INDEX ix_name ON users (name)"),
    strong("AddIndexNewTable", False, "CREATE TABLE new_users (id INT PRIMARY KEY, name VARCHAR(9))", "CREATE INDEX n ON new_users (name)"),
    strong("AddIndexColumns", True, "CREATE INDEX n ON users (name, city, country, deleted_at)", why="it is advice on speed"),
    strong("AddReference", False, "ALTER TABLE users ADD gadget_id BIGINT", "CREATE INDEX n ON users (gadget_id)"),
    strong("AddReferencePolymorphic", False, "ALTER TABLE users ADD gadget_id BIGINT, ADD gadget_type VARCHAR(99)", "CREATE INDEX n ON users (gadget_type, gadget_id)"),
    strong("AddReferenceNoIndex", False, "ALTER TABLE users ADD country_id BIGINT"),
    strong("AddReferenceForeignKey", True, "ALTER TABLE users ADD order_id BIGINT", "ALTER TABLE users ADD CONSTRAINT f FOREIGN KEY (order_id) REFERENCES orders (id)", codes="LIVE_FOREIGN_KEY"),
    strong("ChangeColumn", True, "ALTER TABLE users MODIFY properties VARCHAR(99)", codes="LIVE_TYPE_CHANGED"),
    strong("ChangeColumnVarcharIncreaseLimit", False, "ALTER TABLE users MODIFY country VARCHAR(21)"),
    strong("ChangeColumnVarcharIncreaseLimit64", True, "ALTER TABLE users MODIFY country VARCHAR(64)", why=LOCK),
    strong("ChangeColumnVarcharIncreaseLimit256", True, "ALTER TABLE users MODIFY country VARCHAR(256)", why=LOCK),
    strong("ChangeColumnVarcharDecreaseLimit", True, "ALTER TABLE users MODIFY country VARCHAR(19)", codes="LIVE_NARROWED"),
    strong("ChangeColumnVarcharToText", False, "ALTER TABLE users MODIFY name TEXT"),
    strong("ChangeColumnTextToVarcharLimit", True, "ALTER TABLE users MODIFY description VARCHAR(20)", codes="LIVE_NARROWED"),
    strong("ChangeColumnDecimalDecreasePrecision", True, "ALTER TABLE users MODIFY credit_score DECIMAL(9, 5)", codes="LIVE_NARROWED"),
    strong("ChangeColumnDecimalChangeScale", True, "ALTER TABLE users MODIFY credit_score DECIMAL(10, 6)", codes="LIVE_NARROWED"),
    strong("ChangeColumnDecimalIncreasePrecision", False, "ALTER TABLE users MODIFY credit_score DECIMAL(11, 5)"),
    strong("ChangeColumnDatetimeIncreasePrecision", False, "ALTER TABLE users ADD joined_at DATETIME(0)", "ALTER TABLE users MODIFY joined_at DATETIME(3)", "ALTER TABLE users MODIFY joined_at DATETIME(6)"),
    strong("ChangeColumnDatetimeDecreasePrecision", True, "ALTER TABLE users MODIFY deleted_at DATETIME(3)", codes="LIVE_NARROWED"),
    strong("ChangeColumnWithNotNull", True, "ALTER TABLE users MODIFY country VARCHAR(20) NOT NULL", codes="LIVE_NOT_NULL"),
    strong("ChangeColumnMissingTable", True, "ALTER TABLE missing MODIFY properties VARCHAR(9)", codes="MYSQL_1146"),
    strong("ChangeColumnDefault without partial inserts", False, "ALTER TABLE users ALTER name SET DEFAULT 'Test'"),
    strong("ChangeColumnDefaultNewColumn", False, "ALTER TABLE users ADD nice BOOL", "ALTER TABLE users ALTER nice SET DEFAULT true"),
    strong("ChangeColumnNull", False, "ALTER TABLE users MODIFY name VARCHAR(100) NOT NULL", codes="LIVE_NOT_NULL", why="the live version may write NULL; Rails' rule looks at rows that are there"),
    strong("ChangeColumnNullDefault", True, "ALTER TABLE users MODIFY name VARCHAR(100) NOT NULL DEFAULT 'Andy'", codes="LIVE_NOT_NULL"),
    strong("ExecuteArbitrarySQL", True, "SELECT 1", why="the check reads the SQL"),
    strong("RenameColumn", True, "ALTER TABLE users RENAME COLUMN properties TO bad_name", codes="RENAME_COLUMN"),
    strong("RenameTable", True, "ALTER TABLE users RENAME TO bad_name", codes="RENAME_TABLE"),
    strong("CreateTableForce", True, "DROP TABLE admins", "CREATE TABLE admins (id BIGINT PRIMARY KEY, name VARCHAR(100))", codes="LIVE_DROP_TABLE"),
    strong("CreateJoinTable", False, "CREATE TABLE users_cities (user_id BIGINT, city_id BIGINT, PRIMARY KEY (user_id, city_id))"),
    strong("RemoveColumn", True, "ALTER TABLE users DROP COLUMN name", codes=DROP),
    strong("RemoveColumns", True, "ALTER TABLE users DROP COLUMN name, DROP COLUMN country", codes=f"{DROP} {DROP}"),
    strong("RemoveTimestamps", True, "ALTER TABLE users DROP COLUMN created_at, DROP COLUMN updated_at", codes=f"{DROP} {DROP}"),
    strong("RemoveReference", True, "ALTER TABLE users DROP device_id", codes=DROP),
    strong("RemoveIndex", False, "DROP INDEX ix_city ON users"),
    django("create table with a column that is never null", False, "CREATE TABLE t (id INT PRIMARY KEY, field VARCHAR(150) NOT NULL)"),
    django("add a column that is never null", True, "ALTER TABLE users ADD new_field INT NOT NULL", codes="LIVE_REQUIRED_COLUMN"),
    django("with a default that is dropped", True, "ALTER TABLE users ADD new_field INT DEFAULT 1 NOT NULL", "ALTER TABLE users ALTER new_field DROP DEFAULT", codes="LIVE_REQUIRED_COLUMN"),
    django("followed by a default", False, "ALTER TABLE users ADD new_field INT DEFAULT 1 NOT NULL", "ALTER TABLE users ALTER new_field DROP DEFAULT", "ALTER TABLE users ALTER new_field SET DEFAULT 1"),
    django("followed by a default of the database", False, "ALTER TABLE users ADD new_field DOUBLE DEFAULT (PI()) NOT NULL"),
    django("make a column never null with Django's default", True, "ALTER TABLE users ALTER name SET DEFAULT 'empty'", "ALTER TABLE users MODIFY name VARCHAR(100) NOT NULL", "ALTER TABLE users ALTER name DROP DEFAULT", codes="LIVE_NOT_NULL"),
    django("make a column never null with the database's default", False, "ALTER TABLE users ALTER name SET DEFAULT 'empty'", "ALTER TABLE users MODIFY name VARCHAR(100) NOT NULL", "ALTER TABLE users ALTER name SET DEFAULT 'empty'", codes="LIVE_NOT_NULL", why=EXPLICIT_NULL),
    django("drop a column", True, "ALTER TABLE users DROP COLUMN name", codes=DROP),
    django("drop a table", True, "DROP TABLE orders", codes="LIVE_DROP_TABLE"),
    django("rename a column", True, "ALTER TABLE users CHANGE name full_name VARCHAR(100)", codes="RENAME_COLUMN"),
    django("rename a table", True, "RENAME TABLE orders TO sales", codes="RENAME_TABLE"),
    django("alter a column", True, "ALTER TABLE users MODIFY points VARCHAR(10) NOT NULL DEFAULT '0'", codes="LIVE_TYPE_CHANGED"),
    django("let a column be null", False, "ALTER TABLE users MODIFY email VARCHAR(255) NULL"),
    django("unique together", True, "ALTER TABLE users ADD CONSTRAINT u UNIQUE (name, city)", codes="LIVE_UNIQUE"),
    django("a unique index", True, "CREATE UNIQUE INDEX u ON users (name, city)", codes="LIVE_UNIQUE"),
    django("a unique index of a new table", False, "CREATE TABLE t (id INT PRIMARY KEY, a INT, b INT)", "CREATE UNIQUE INDEX u ON t (a, b)"),
    django("no longer unique together", False, "ALTER TABLE users DROP INDEX uq_email"),
    django("a field of many to many", False, "CREATE TABLE users_orders (id INT AUTO_INCREMENT PRIMARY KEY, user_id BIGINT NOT NULL, order_id BIGINT NOT NULL)", "ALTER TABLE users_orders ADD CONSTRAINT f1 FOREIGN KEY (user_id) REFERENCES users (id)", "ALTER TABLE users_orders ADD CONSTRAINT u UNIQUE (user_id, order_id)"),
    django("an index with a new column", False, "ALTER TABLE users ADD mail VARCHAR(254) NULL", "CREATE INDEX m ON users (mail)"),
    django("a correct migration", False, "ALTER TABLE users ADD new_null_field INT NULL"),
    squawk("adding-required-field: nullable", False, "ALTER TABLE users ADD COLUMN public BOOL"),
    squawk("adding-required-field: with a default", False, "ALTER TABLE users ADD COLUMN public BOOL NOT NULL DEFAULT true"),
    squawk("adding-required-field: without a default", True, "ALTER TABLE users ADD COLUMN public BOOL NOT NULL", codes="LIVE_REQUIRED_COLUMN"),
    squawk("adding-required-field: generated", False, "ALTER TABLE users ADD COLUMN bar INT GENERATED ALWAYS AS (points + 1) STORED NOT NULL"),
    squawk("adding-not-nullable-field", True, "ALTER TABLE users MODIFY city VARCHAR(50) NOT NULL", codes="LIVE_NOT_NULL"),
    squawk("ban-drop-column", True, "ALTER TABLE users DROP COLUMN city", codes=DROP),
    squawk("ban-drop-table", True, "DROP TABLE IF EXISTS orders", codes="LIVE_DROP_TABLE"),
    squawk("ban-drop-not-null", True, "ALTER TABLE users MODIFY email VARCHAR(255) NULL", why="it is a step of a drop; the live version reads NULL only once a newer one writes it"),
    squawk("changing-column-type", True, "ALTER TABLE users MODIFY points TEXT", codes="LIVE_TYPE_CHANGED"),
    squawk("constraint-missing-not-valid: check", True, "ALTER TABLE orders ADD CONSTRAINT positive CHECK (total >= 0)", codes="LIVE_CHECK"),
    squawk("constraint-missing-not-valid: foreign key", True, "ALTER TABLE orders ADD CONSTRAINT f FOREIGN KEY (user_id) REFERENCES users (id)", codes="LIVE_FOREIGN_KEY"),
    squawk("constraint-missing-not-valid: new table", False, "CREATE TABLE foo (id INT PRIMARY KEY, age INT NOT NULL)", "ALTER TABLE foo ADD CONSTRAINT age_restriction CHECK (age >= 25)"),
    squawk("adding-foreign-key-constraint: new table", False, "CREATE TABLE mails (id BIGINT PRIMARY KEY, user_id BIGINT, CONSTRAINT fk_user FOREIGN KEY (user_id) REFERENCES users (id))"),
    squawk("disallowed-unique-constraint", True, "ALTER TABLE orders ADD CONSTRAINT u UNIQUE (user_id)", codes="LIVE_UNIQUE"),
    squawk("disallowed-unique-constraint: dropped", False, "ALTER TABLE users DROP CONSTRAINT uq_email"),
    squawk("disallowed-unique-constraint: new table", False, "CREATE TABLE products (id BIGINT PRIMARY KEY, sku VARCHAR(99) NOT NULL)", "ALTER TABLE products ADD CONSTRAINT u UNIQUE (sku)"),
    squawk("disallowed-unique-constraint: with a new column", True, "ALTER TABLE users ADD COLUMN bar VARCHAR(99) UNIQUE", why="the live version leaves the new column NULL, which is never a duplicate"),
    squawk("adding-serial-primary-key-field", True, "ALTER TABLE loose ADD PRIMARY KEY (id)", codes="LIVE_UNIQUE"),
    squawk("renaming-column", True, "ALTER TABLE users RENAME COLUMN name TO new_name", codes="RENAME_COLUMN"),
    squawk("renaming-table", True, "ALTER TABLE orders RENAME TO sales", codes="RENAME_TABLE"),
    kit("the default of a column that is never null is dropped", True, "ALTER TABLE users ALTER points DROP DEFAULT", codes="LIVE_DEFAULT_DROPPED"),
    kit("a default is changed", False, "ALTER TABLE users ALTER points SET DEFAULT 5"),
    kit("the default of a nullable column is dropped", False, "ALTER TABLE users ALTER name DROP DEFAULT"),
    kit("a key no longer numbers the rows", True, "ALTER TABLE users MODIFY id BIGINT NOT NULL", codes="LIVE_DEFAULT_DROPPED"),
    kit("a member is added", False, "ALTER TABLE users MODIFY state ENUM('new', 'old', 'gone') NOT NULL DEFAULT 'new'"),
    kit("a member is removed", True, "ALTER TABLE users MODIFY state ENUM('new') NOT NULL DEFAULT 'new'", codes="LIVE_NARROWED"),
    kit("an integer is widened", False, "ALTER TABLE users MODIFY points BIGINT NOT NULL DEFAULT 0"),
    kit("an integer is narrowed", True, "ALTER TABLE users MODIFY points SMALLINT NOT NULL DEFAULT 0", codes="LIVE_NARROWED"),
    kit("an integer loses its sign", True, "ALTER TABLE users MODIFY points INT UNSIGNED NOT NULL DEFAULT 0", codes="LIVE_NARROWED"),
    kit("a column becomes generated", True, "ALTER TABLE users MODIFY city VARCHAR(50) GENERATED ALWAYS AS (lower(country)) STORED", codes="LIVE_GENERATED"),
    kit("a column is no longer generated", True, "ALTER TABLE users MODIFY twice INT NOT NULL", codes="LIVE_DEFAULT_DROPPED"),
    kit("a collation is changed", True, "ALTER TABLE users MODIFY name VARCHAR(100) COLLATE utf8mb4_0900_ai_ci", codes="LIVE_COLLATION_CHANGED"),
    kit("a collation is spelled out", False, "ALTER TABLE admins MODIFY name VARCHAR(100) COLLATE utf8mb4_0900_ai_ci"),
    kit("a table is converted", True, "ALTER TABLE admins CONVERT TO CHARACTER SET utf8mb4 COLLATE utf8mb4_0900_bin", codes="LIVE_COLLATION_CHANGED"),
    kit("a unique key covers another one", False, "CREATE UNIQUE INDEX u ON users (email, name)"),
    kit("a unique key is made again", False, "ALTER TABLE users DROP INDEX uq_email, ADD UNIQUE uq_mail (email)"),
    kit("a check on new columns", False, "ALTER TABLE users ADD age INT", "ALTER TABLE users ADD CONSTRAINT c CHECK (age > 0)"),
    kit("a check is dropped", False, "ALTER TABLE users DROP CHECK ck_points"),
    kit("a column is dropped and added again", True, "ALTER TABLE users DROP COLUMN name", "ALTER TABLE users ADD name VARCHAR(100)", codes=DROP),
    kit("a column that is unused is dropped", False, "ALTER TABLE gone DROP COLUMN c"),
    kit("a table that is unused is dropped", False, "DROP TABLE gone"),
    kit("a column is marked and dropped at once", True, "ALTER TABLE orders MODIFY total DECIMAL(9, 2) COMMENT 'unused: x'", "ALTER TABLE orders DROP COLUMN total", codes=DROP),
    kit("a view is dropped", True, "DROP VIEW adults", codes="LIVE_DROP_VIEW"),
    kit("a view is replaced", False, "CREATE OR REPLACE VIEW adults AS SELECT id, name FROM users"),
    kit("a table comes and goes", False, "CREATE TABLE t (id INT PRIMARY KEY, a INT NOT NULL)", "ALTER TABLE t DROP COLUMN a", "DROP TABLE t"),
    kit("a comment", False, "ALTER TABLE users MODIFY name VARCHAR(100) COMMENT 'the full name'"),
]  # fmt: skip
