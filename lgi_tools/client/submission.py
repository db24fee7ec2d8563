"""Submit many jobs of a project: all of them are checked before the first one is sent."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from lgi_protocol.client import Client
from lgi_protocol.reply import leading_number
from lgi_tools.client import bulk_submit, idempotent_submit
from lgi_tools.client.bulk_submit import NewArray, NewJob, Outcome
from lgi_tools.client.interface_calls import check_text
from lgi_tools.client.job_request import JobRequest, Submission
from lgi_tools.client.timing import Timing


def submit_many(
    client: Client, caller: Mapping[str, str], requests: Iterable[JobRequest], timing: Timing
) -> Iterator[Submission]:
    """Submit jobs on behalf of ``caller`` (project, user, groups) and yield the outcomes in their order.

    Raises, before anything is sent, ValueError for a request that cannot be sent and OSError for a missing
    file; afterwards the errors of `bulk_submit.submit`.
    """
    check_text(caller)
    jobs = [_new_job(request) for request in requests]
    if len({job.request_id for job in jobs}) < len(jobs):
        raise ValueError("two jobs have the same request_id")
    return map(_submission, bulk_submit.submit(client, caller, jobs, timing) if jobs else ())


def submit_array(
    client: Client,
    caller: Mapping[str, str],
    requests: Mapping[int, JobRequest],
    array: NewArray,
    timing: Timing,
) -> Iterator[Submission]:
    """Submit the elements of an array, by their indexes, as `submit_many` does."""
    check_text(caller)
    if not requests:
        raise ValueError("an array has at least one element")
    jobs = []
    for index, request in requests.items():
        job = _new_job(request, f"{array.request_id}.{index}")
        jobs.append(replace(job, fields=dict(job.fields) | {"array_index": str(index)}))
    return map(_submission, bulk_submit.submit(client, caller, jobs, timing, array))


def _new_job(request: JobRequest, request_id: str = "") -> NewJob:
    fields, files = read_request(request)
    return NewJob(fields, files, request.request_id or request_id or idempotent_submit.new_id())


def read_request(request: JobRequest) -> tuple[dict[str, str], tuple[Path, ...]]:
    """Return the fields and files of a request that can be sent. Raises ValueError, OSError for a file."""
    fields, files = request.fields(), request.paths()
    check_text(fields)
    for file in files:
        file.stat()
    return fields, files


def _submission(outcome: Outcome) -> Submission:
    return Submission(
        leading_number(outcome.job_id), outcome.repository_url, outcome.refused, array_id=outcome.array_id
    )
