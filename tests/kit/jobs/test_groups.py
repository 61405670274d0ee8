"""The local queue gives out a group of a .fifo queue as SQS does: one at a time, in order, and no group waits for another.

Source: SQS Developer Guide, "FIFO queue delivery logic": while a message of a group is invisible, no other of the group
is given out, until it is deleted or visible again; then it comes first.
"""

import pytest
from sample_jobs import add, ordered
from sqlalchemy import update
from stage import make_tables, use

from kit.db import database, tables
from kit.jobs.message import Delivery, Message
from kit.jobs.queues import database as database_queues
from kit.jobs.queues.database import DatabaseQueues
from kit.testing import frozen_clock


@pytest.fixture(params=["sqlite", "mysql"])
def queues(request: pytest.FixtureRequest, db: None, monkeypatch: pytest.MonkeyPatch) -> DatabaseQueues:
    """The local queue in a file, and on a real MySQL server."""
    if request.param == "mysql":
        server = request.getfixturevalue("mysql_server").with_database("jobs")
        use(monkeypatch, DATABASE_URL=server.url(), DATABASE_CA=server.ca)
        make_tables()
    return DatabaseQueues()


def name(delivery: Delivery | None) -> str | None:
    return delivery and Message.from_json(delivery.body).arguments["name"]


def names(queues: DatabaseQueues) -> list[str | None]:
    """What is given out one after the other, each staying in flight."""
    found = []
    while delivery := queues.receive():
        found.append(name(delivery))
    return found


def test_a_message_in_flight_blocks_its_group_and_no_other(queues: DatabaseQueues) -> None:
    for group in ("a", "b"):
        for number in (1, 2):
            ordered.enqueue(f"{group}{number}", group=group)
    add.enqueue("no group")
    assert names(queues) == ["a1", "b1", "no group"]


def test_a_head_that_backs_off_hides_nothing_but_its_group(queues: DatabaseQueues) -> None:
    for number in range(2 * database_queues.LOOK_AHEAD):
        ordered.enqueue(f"a{number}", group="a")
    with frozen_clock() as clock:
        clock.move(seconds=1)
        head = queues.receive()
        assert head
        queues.change_visibility(head, 3600)
        ordered.enqueue("b", group="b")
        add.enqueue("no group")
        assert names(queues) == ["b", "no group"]
        clock.move(hours=1)
        assert [one for one in names(queues) if one and one[0] == "a"] == ["a0"]


def test_the_head_comes_before_what_was_due_earlier(queues: DatabaseQueues) -> None:
    with frozen_clock() as clock:
        ordered.enqueue("1", group="g")
        ordered.enqueue("2", group="g")
        head = queues.receive()
        assert head
        queues.change_visibility(head, 60)
        clock.move(seconds=60)
        again = queues.receive()
        assert again
        assert (name(again), again.receive_count) == ("1", 2)
        queues.delete(again)
        assert name(queues.receive()) == "2"


def test_a_dead_letter_unblocks_its_group_and_a_redriven_one_goes_to_its_end(queues: DatabaseQueues) -> None:
    ordered.enqueue("1", group="g")
    ordered.enqueue("2", group="g")
    head = queues.receive()
    assert head
    queues.dead_letter(head, "no more", None)
    queues.redrive(queues.dead_letters()[0])
    assert name(queues.receive()) == "2"


def test_a_delayed_message_is_not_in_its_group_before_it_is_due(queues: DatabaseQueues) -> None:
    with frozen_clock() as clock:
        ordered.enqueue("later", group="g", delay=60)
        ordered.enqueue("now", group="g")
        clock.move(seconds=61)
        ordered.enqueue("last", group="g")
        for expected in ("now", "later", "last"):
            delivery = queues.receive()
            assert delivery
            assert name(delivery) == expected
            queues.delete(delivery)


def test_a_group_has_one_message_in_flight_though_an_earlier_one_is_committed_late(
    queues: DatabaseQueues, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two workers look before either claims, and one of them does not see the message that the other sees."""
    ordered.enqueue("1", group="g")
    ordered.enqueue("2", group="g")
    with database.engine().begin() as connection:  # as if it were not committed yet
        connection.execute(update(tables.jobs).where(tables.jobs.c.number == 1).values(state="unseen"))
    seen = queues._due()
    with database.engine().begin() as connection:
        connection.execute(update(tables.jobs).where(tables.jobs.c.number == 1).values(state="waiting"))
    assert name(queues.receive()) == "1"
    looks = iter([seen])
    monkeypatch.setattr(queues, "_due", lambda: next(looks))
    assert queues.receive() is None
    monkeypatch.undo()
    with database.engine().connect() as connection:
        rows = connection.execute(tables.jobs.select().order_by(tables.jobs.c.number)).all()
    assert [row.receive_count for row in rows] == [1, 0], "the one that was given back has lost no attempt"


def test_a_claim_whose_answer_was_lost_is_found_by_its_receipt(queues: DatabaseQueues) -> None:
    add.enqueue("a")
    receipt = database_queues.new_receipt()
    given = queues.receive(receipt=receipt)
    assert given
    assert queues.find(receipt) == given
    queues.delete(given)
    assert queues.find(receipt) is None
