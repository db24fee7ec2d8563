"""Long queues for tests, put into the database without a server."""

from dataclasses import replace

from lgi_server.db.pool import Database
from lgi_server.db.transaction import Transaction
from lgi_server.tables import job_access
from lgi_server.tables.job_queue import jobs
from lgi_server.tables.job_queue.jobs import JobRow

USERS = 100


def queued_job(number: int, target: str = "any") -> JobRow:
    """One of many queued jobs of a hundred users, as a submit would store it."""
    user = f"user{number % USERS}"
    return JobRow(
        job_id=0,
        state="queued",
        application="hello_world",
        owners=(user,),
        read_access=("admin", user),
        write_access=("admin", user),
        target_resources=(target,),
        job_specifics="",
        lock_state=0,
        state_time_stamp=1000 + number,
        daemon_pulse=0,
        priority=1000 + number,
        repository=f"JOB_{number:032x}",
    )


def fill(database: Database, number: int, *targets: str) -> list[int]:
    """Queue so many jobs, for each of the targets in turn; answer their numbers, oldest first."""

    def store(transaction: Transaction) -> list[int]:
        stored = []
        for index in range(number):
            job = queued_job(index, targets[index % len(targets)] if targets else "any")
            stored.append(jobs.insert(transaction, job))
            job_access.insert_all(transaction, [replace(job, job_id=stored[-1])])
        return stored

    return database.run(store)
