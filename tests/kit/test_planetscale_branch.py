"""Development branches and patience, in small."""

from typing import Any

import pytest

from kit.planetscale import schema
from kit.planetscale.branches import Branch, Patience, Stopped
from kit.planetscale.client import Client, NotFound, Unsure
from kit.planetscale.transport import Response
from planetscale_scene import PROJECT


def patience(slept: list[float], **options: Any) -> Patience:
    return Patience("make migrate", sleep=slept.append, **options)


def answers(**bodies: Any) -> Client:
    """A client whose requests get these answers, by the last word of their path; others get 404."""

    def transport(method: str, path: str, body: Any) -> Response:
        name = path.partition("?")[0].rpartition("/")[2].replace("-", "_")
        return Response(200, bodies[name]) if name in bodies else Response(404, {"message": "Not Found"})

    return Client(PROJECT, transport)


def branches(*names: str) -> dict[str, Any]:
    return {"data": [{"name": name} for name in names], "next_page": None}


def test_waiting_ends_after_its_time_with_what_it_waited_for() -> None:
    slept: list[float] = []
    with pytest.raises(Stopped) as stopped:
        patience(slept, wait_seconds=20).until(lambda: "it is full", "loading")
    assert str(stopped.value) == "PlanetScale has not finished loading: it is full. Continue later with: make migrate"
    assert slept == [5, 5, 5, 5]


def test_waiting_ends_at_once_when_there_is_nothing_to_wait_for() -> None:
    slept: list[float] = []
    patience(slept).until(lambda: None, "loading")
    assert slept == []


def unsure() -> Any:
    raise Unsure("POST", "branches", "x", Response(0, {}))


def test_what_may_have_been_created_is_looked_for_before_it_is_created_again() -> None:
    slept: list[float] = []
    results = iter([None, "it"])
    assert patience(slept).ensure(lambda: next(results), unsure) == "it"
    assert slept == [5]


def test_creating_is_tried_three_times() -> None:
    slept: list[float] = []
    with pytest.raises(Unsure):
        patience(slept).ensure(lambda: None, unsure)
    assert slept == [5, 5]


def test_a_branch_is_gone_when_the_list_of_branches_does_not_have_it() -> None:
    assert Branch(PROJECT, answers(branches=branches("main")), "dev", patience([])).find() is None


@pytest.mark.parametrize("listed", [branches("main", "dev"), branches()], ids=["listed", "nothing listed"])
def test_a_branch_that_may_be_there_is_never_taken_for_gone(listed: dict[str, Any]) -> None:
    with pytest.raises(NotFound, match="read_branch"):
        Branch(PROJECT, answers(branches=listed), "dev", patience([])).find()


def test_a_list_is_read_page_by_page() -> None:
    pages: list[str] = []

    def transport(method: str, path: str, body: Any) -> Response:
        pages.append(path.partition("?")[2])
        return Response(200, {"data": [len(pages)], "next_page": 2 if len(pages) == 1 else None})

    assert list(Client(PROJECT, transport).items("branches", q="x y")) == [1, 2]
    assert pages == ["q=x+y&page=1&per_page=100", "q=x+y&page=2&per_page=100"]


RAW = "CREATE TABLE `t` (\n\t`a` int NOT NULL,\n\t`b` text,\n\tPRIMARY KEY (`a`)\n)"


@pytest.mark.parametrize(
    ("raw", "without"),
    [
        (f"{RAW} ENGINE InnoDB,\n  AUTO_INCREMENT 7,\n  CHARSET utf8mb4", f"{RAW} ENGINE InnoDB,\n  CHARSET utf8mb4"),
        (
            f"{RAW} ENGINE=InnoDB AUTO_INCREMENT=7 DEFAULT CHARSET=utf8mb4",
            f"{RAW} ENGINE=InnoDB DEFAULT CHARSET=utf8mb4",
        ),
        ("CREATE TABLE `t` (\n\t`a` int AUTO_INCREMENT,\n", "CREATE TABLE `t` (\n\t`a` int AUTO_INCREMENT,\n"),
    ],
)
def test_the_counter_of_a_table_is_no_part_of_its_schema(raw: str, without: str) -> None:
    client = answers(schema={"data": [{"name": "t", "html": "", "raw": raw}]})
    assert schema.read(client, "main") == {"t": without}


def test_a_fingerprint_is_of_the_tables_and_not_of_their_order() -> None:
    one = schema.fingerprint({"a": "x", "b": "y"})
    assert one == schema.fingerprint({"b": "y", "a": "x"})
    assert len({one, schema.fingerprint({"a": "x"}), schema.fingerprint({"a": "y", "b": "x"})}) == 3
    assert len(one) == 16


def test_differences_name_what_has_to_be_done_to_each_table() -> None:
    before = {"t": RAW, "u": "CREATE TABLE `u` (\n\t`a` int\n)", "gone": "x", "same": "y"}
    after = {"t": RAW.replace("`b` text", "`c` int").replace("int NOT", "bigint NOT"), "new": "x", "same": "y"}
    after["u"] = before["u"] + " CHARSET latin1"
    assert schema.differences(before, after) == [
        "drop the table gone",
        "create the table new",
        "t: drop b, add c, change a",
        "u: change its keys or options",
    ]
    assert schema.differences(before, before) == []


def explained(statement: str, table: str = "t", *, drops: bool = False) -> bool:
    """Whether a statement is part of the step from RAW to a table without b, and with c; v is dropped, w created."""
    before = {"t": RAW, "s": RAW, "k": RAW, "v": RAW}
    after = {"t": RAW.replace("`b` text", "`c` int"), "s": RAW, "k": RAW + " CHARSET x", "w": RAW}
    operation = {"table_name": table, "ddl_statement": statement, "can_drop_data": drops}
    return schema.unexpected([operation], before, after) == []


def test_what_a_deploy_request_does_is_held_against_the_schemas() -> None:
    assert explained("ALTER TABLE `t` ADD COLUMN `c` int, DROP COLUMN `b`", drops=True)
    assert explained("alter table `t` drop column `b`")
    assert not explained("alter table `t` drop column `a`")
    assert not explained("ALTER TABLE `t` DROP COLUMN `b`, DROP COLUMN `a`")
    assert not explained(" drop table `t`")
    assert explained("DROP TABLE `v`", "v", drops=True)
    assert explained("CREATE TABLE `w` (…)", "w")
    assert not explained("CREATE TABLE `w` (…)", "w", drops=True)
    assert not explained("ALTER TABLE `s` ADD INDEX (`a`)", "s")
    assert explained("ALTER TABLE `k` CHARSET x", "k")
    assert not explained("ALTER TABLE `k` DROP PARTITION `p`", "k", drops=True)
    assert not explained("ALTER TABLE `x` ADD COLUMN `a`", "x")


def test_what_drops_is_listed() -> None:
    operations = [{"ddl_statement": "x", "can_drop_data": True}, {"ddl_statement": "y", "can_drop_data": False}]
    assert schema.dropping(operations) == ["x"]
