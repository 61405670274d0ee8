"""The rules of texts and bytes: how long they may be."""

from kit.db.sqlite.rules.rule import Make, Rule

_SPACES = "' ' || char(9, 10, 11, 12, 13)"
"""What MySQL cuts off where a text is longer than its column."""


def varchar(numbers: list[int], _: bool) -> Rule:
    length = numbers[0] if numbers else 1
    too_long = f"length(rtrim({{v}}, {_SPACES})) > {length}"
    # length() ends at a NUL character. A text with one is measured in bytes.
    too_long += f" OR instr({{v}}, char(0)) AND length(CAST(rtrim({{v}}, {_SPACES}) AS BLOB)) > {length}"
    return Rule(
        f"length(CAST({{v}} AS BLOB)) > {length} OR typeof({{v}}) = 'blob'",
        [
            ("typeof({v}) = 'blob'", "is bytes, not text"),
            (too_long, f"has more than {length} characters (MySQL error 1406)"),
        ],
        f"CASE WHEN length({{v}}) > {length} THEN substr({{v}}, 1, {length}) ELSE {{v}} END",
    )


def char(numbers: list[int], unsigned: bool) -> Rule:
    """Spaces at the end are not sent to the client, and so not kept here."""
    rule = varchar(numbers, unsigned)
    return rule._replace(
        suspicious=f"{rule.suspicious} OR {{v}} <> rtrim({{v}}, ' ')", stored=f"rtrim({rule.stored}, ' ')"
    )


def text(limit: int) -> Make:
    def rule(numbers: list[int], _: bool) -> Rule:
        size = _size_for(limit, numbers, bytes_each=4)
        return Rule(
            f"length(CAST({{v}} AS BLOB)) > {size} OR typeof({{v}}) = 'blob'",
            [
                ("typeof({v}) = 'blob'", "is bytes, not text"),
                (
                    f"length(CAST(rtrim({{v}}, {_SPACES}) AS BLOB)) > {size}",
                    f"has more than {size} bytes (MySQL error 1406)",
                ),
            ],
            f"CASE WHEN length(CAST({{v}} AS BLOB)) > {size}"
            f" THEN CAST(substr(CAST({{v}} AS BLOB), 1, {size}) AS TEXT) ELSE {{v}} END",
        )

    return rule


def blob(limit: int) -> Make:
    def rule(numbers: list[int], _: bool) -> Rule:
        size = _size_for(limit, numbers, bytes_each=1)
        condition = f"length(CAST({{v}} AS BLOB)) > {size}"
        return Rule(
            f"{condition} OR typeof({{v}}) <> 'blob'",
            [(condition, f"has more than {size} bytes (MySQL error 1406)")],
            "CASE WHEN {v} IS NOT NULL THEN CAST({v} AS BLOB) END",
        )

    return rule


def varbinary(numbers: list[int], unsigned: bool) -> Rule:
    return blob(numbers[0] if numbers else 1)([], unsigned)


def binary(numbers: list[int], unsigned: bool) -> Rule:
    size = numbers[0] if numbers else 1
    rule = varbinary(numbers, unsigned)
    padded = f"length(CAST({{v}} AS BLOB)) < {size}"
    reason = f"has less than {size} bytes: MySQL would append zeros. Use LargeBinary"
    return rule._replace(suspicious=f"{rule.suspicious} OR {padded}", refused=[*rule.refused, (padded, reason)])


def _size_for(limit: int, numbers: list[int], *, bytes_each: int) -> int:
    """The size of the smallest of four types that has room: TEXT(70000) is a MEDIUMTEXT."""
    needed = numbers[0] * bytes_each if numbers else limit
    return next(size for size in (255, 65_535, 16_777_215, 4_294_967_295) if size >= needed)
