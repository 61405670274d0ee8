"""What a job that is stopped by its time limit leaves of the connection pool."""

import pytest
from sample_jobs import add, block

from kit.db import database
from kit.jobs.runners import worker

pytestmark = pytest.mark.usefixtures("db")


def test_a_job_that_is_stopped_is_followed_by_a_new_pool_and_others_are_not() -> None:
    pool = database.engine().pool
    add.enqueue("a")
    assert worker.Worker().step()
    assert database.engine().pool is pool
    block.enqueue(30)
    assert worker.Worker().step()
    assert database.engine().pool is not pool
