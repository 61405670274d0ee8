"""Names, comments, character sets and collations."""

import re
from collections.abc import Iterator
from typing import Any

from sqlalchemy.dialects import mysql
from sqlglot import exp

from kit.db.mysql.rules.message import refused
from kit.db.schema.problem import Problem

_LONGEST = 64
_RESERVED = mysql.dialect().identifier_preparer.reserved_words
_CHARSETS = {
    *("armscii8", "ascii", "big5", "binary", "cp1250", "cp1251", "cp1256", "cp1257", "cp850", "cp852", "cp866"),
    *("cp932", "dec8", "eucjpms", "euckr", "gb18030", "gb2312", "gbk", "geostd8", "greek", "hebrew", "hp8", "keybcs2"),
    *("koi8r", "koi8u", "latin1", "latin2", "latin5", "latin7", "macce", "macroman", "sjis", "swe7", "tis620"),
    *("ucs2", "ujis", "utf16", "utf16le", "utf32", "utf8", "utf8mb3", "utf8mb4"),
}
_COLLATION = r"utf8mb4_(?:(?:\w+_)?0900_(?:ai_ci|as_ci|as_cs|as_cs_ks|bin)|(?!\w*0900)\w+_ci|bin)|(?!utf8mb4)[a-z0-9]+_(?:\w+_c[is]|bin)|binary"
"""How MySQL's collations are named. Source: dev.mysql.com/doc/refman/8.4/en/charset-collation-names.html"""


def of_statement(tree: Any) -> Iterator[Problem]:
    """Problems of the names in a statement."""
    for table in tree.find_all(exp.Table):
        if table.db:
            yield refused(1049, f"{table.name} is in the database {table.db}")
    for kind, number, identifier in _named(tree):
        name = identifier.name
        if len(name) > _LONGEST:
            yield refused(1059, f"the {kind} {name!r} has {len(name)} characters")
        elif number and (not name or name.endswith(" ") or (kind == "index" and name.upper() == "PRIMARY")):
            yield refused(number, f"a {kind} has the name {name!r}")
        elif not identifier.args.get("quoted") and name.lower() in _RESERVED:
            yield refused(1064, f"the {kind} {name} has a name that is a word of SQL")
    yield from _comments(tree)
    yield from _charsets(tree)


def _named(tree: Any) -> Iterator[tuple[str, int, Any]]:
    """What the statement names: the kind, the error number of a bad name, the name."""
    if isinstance(tree, exp.Create) and tree.kind in {"TABLE", "VIEW"}:
        yield from (("table", 1103, table.this) for table in list(tree.find_all(exp.Table))[:1])
    if isinstance(tree, exp.Create) and tree.kind == "INDEX":
        yield "index", 1280, tree.this.this
    for rename in tree.find_all(exp.AlterRename):
        yield "table", 1103, rename.this.this
    for rename in tree.find_all(exp.RenameIndex, exp.RenameColumn):
        kind, number = ("index", 1280) if isinstance(rename, exp.RenameIndex) else ("column", 1166)
        yield kind, number, rename.args["to"] if kind == "index" else rename.args["to"].this
    for column in tree.find_all(exp.ColumnDef):
        yield "column", 1166, column.this
    for constraint in tree.find_all(exp.Constraint):
        if isinstance(constraint.this, exp.Identifier):
            yield "constraint", 0, constraint.this
    for index in tree.find_all(exp.IndexColumnConstraint, exp.UniqueColumnConstraint):
        named = index.this.this if isinstance(index.this, exp.Schema) else index.this
        if isinstance(named, exp.Identifier):
            yield "index", 1280, named


def _comments(tree: Any) -> Iterator[Problem]:
    for comment in tree.find_all(exp.CommentColumnConstraint):
        owner = comment.find_ancestor(exp.ColumnDef, exp.IndexColumnConstraint)
        number = 1629 if isinstance(owner, exp.ColumnDef) else 1688
        if len(comment.this.name) > 1024:
            yield refused(number, f"a comment has {len(comment.this.name):,} characters")
    for comment in tree.find_all(exp.SchemaCommentProperty):
        if len(comment.this.name) > 2048:
            yield refused(1628, f"the table's comment has {len(comment.this.name):,} characters")


def _charsets(tree: Any) -> Iterator[Problem]:
    for used in tree.find_all(exp.CharacterSetColumnConstraint, exp.CharacterSetProperty):
        if used.this.name.lower() not in _CHARSETS:
            yield refused(1115, f"the character set is {used.this.name}")
    for used in tree.find_all(exp.CollateColumnConstraint, exp.CollateProperty):
        collation = used.this.name.lower()
        column = used.find_ancestor(exp.ColumnDef)
        charset = next((one for owner, one in _charsets_named(tree) if owner is column), None)
        if not re.fullmatch(_COLLATION, collation) or collation.partition("_")[0] not in _CHARSETS:
            yield refused(1273, f"the collation is {used.this.name}")
        elif charset and _canonical(charset) != _canonical(collation.partition("_")[0]):
            yield refused(1253, f"the collation {collation} isn't one of the character set {charset}")


def _charsets_named(tree: Any) -> Iterator[tuple[Any, str]]:
    """Each character set with the column that names it, or `None` for the table."""
    for used in tree.find_all(exp.CharacterSetColumnConstraint, exp.CharacterSetProperty):
        yield used.find_ancestor(exp.ColumnDef), used.this.name.lower()


def _canonical(charset: str) -> str:
    return "utf8mb3" if charset == "utf8" else charset
