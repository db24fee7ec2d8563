"""The submits of several jobs, which are recorded with their first changes from the rows of the jobs."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import pytest

from lgi_server.db import open_database, schema
from lgi_server.db.pool import Database
from lgi_server.db.transaction import Transaction
from lgi_server.services.jobs import history
from lgi_server.services.jobs.history import RecordedChange
from lgi_server.tables import job_history
from lgi_server.tables.job_queue import jobs
from lgi_server.tables.job_queue.jobs import JobRow
from tests.support.mariadb import PrivateMariaDB
from tests.support.queues import queued_job

DISK_TABLES = "SHOW SESSION STATUS LIKE 'Created_tmp_disk_tables'"


@pytest.fixture
def on_mariadb(private_mariadb: PrivateMariaDB) -> Iterator[Database]:
    """An empty project on MariaDB."""
    made = open_database(private_mariadb.create_database("submits"))
    schema.make(made)
    yield made
    made.close()


def stored(transaction: Transaction, labels: Sequence[str]) -> list[JobRow]:
    """Jobs with these labels, each of the user with the longest name."""
    user = "é" * 100
    new = [replace(queued_job(number), labels=text, owners=(user,)) for number, text in enumerate(labels)]
    return [replace(job, job_id=jobs.insert(transaction, job)) for job in new]


def record(transaction: Transaction, some: Sequence[JobRow]) -> None:
    """Record that the jobs begin to run."""
    runs = [replace(job, state="running", state_time_stamp=job.state_time_stamp + 1) for job in some]
    changes = [RecordedChange(*pair, "resource res1") for pair in zip(some, runs, strict=True)]
    history.record_changes(transaction, changes)


@pytest.mark.parametrize("labels", [("", ""), ("kind=md\nstep=1", ""), ("a=b", "c=d")])
def test_the_submit_of_each_job_is_recorded_once_with_its_labels(
    database: Database, labels: Sequence[str]
) -> None:
    """Also when only some of the jobs have labels, and when the jobs change again."""

    def work(transaction: Transaction) -> None:
        some = stored(transaction, labels)
        record(transaction, some)
        record(transaction, some)

        for job in some:
            submit, *runs = job_history.of_job(transaction, job.job_id)
            assert (submit.old_state, submit.new_state, submit.labels) == ("", "queued", job.labels)
            assert submit.changed_by == f"user {job.owners[0]}"
            assert [one.new_state for one in runs] == ["running", "running"]

    database.run(work)


def test_the_submits_of_jobs_without_labels_need_no_file(on_mariadb: Database) -> None:
    """MariaDB would make one for each exchange, which costs more than the rows."""

    def work(transaction: Transaction) -> None:
        some = stored(transaction, ("", "", ""))
        before = transaction.rows(DISK_TABLES)
        record(transaction, some)

        assert transaction.rows(DISK_TABLES) == before

    on_mariadb.run(work)
