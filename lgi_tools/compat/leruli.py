"""The functions of Leruli's Python package on LGI: ``from lgi_tools import leruli_compat as leruli``.

A folder is a job, as for LGI_task, and the bucket of a task is the URL of its job's repository. Raises
ValueError for an impossible operation, ServerError for a refusal of the server, TransportError without an
answer.
"""

import os
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path

from lgi_protocol.errors import ErrorNumber, ServerError
from lgi_tools.client import command_line, settings
from lgi_tools.client.files import Files
from lgi_tools.client.job import Details
from lgi_tools.client.project import Project
from lgi_tools.client.repository import Repository
from lgi_tools.client.settings import Settings
from lgi_tools.client.specifics import as_xml
from lgi_tools.staging.directory import is_staged
from lgi_tools.task import images, local_image, publication, record, results, status, submission
from lgi_tools.task.record import RecordError
from lgi_tools.task.results import Replace
from lgi_tools.task.submission import Done, Order

# As leruli: the default requests of a task, in MB and seconds.
CORES, MEMORY, TIME = 1, 4000, 24 * 3600
HANDS = 4


def task_submit(
    directory: str | Path,
    code: str,
    version: str,
    command: str,
    cores: int = CORES,
    memorymb: int = MEMORY,
    timeseconds: int = TIME,
) -> int:
    """Run a shell command in the container CODE:VERSION with the files of a folder. Returns the job id."""
    order = _order(code, version, command, cores=cores, memory=memorymb, seconds=timeseconds)
    (done,) = submission.submit(_settings(), order, [Path(directory)], 1)
    if done.reason:
        raise ValueError(f"{directory}: {done.reason}")
    return done.job_id


def task_submit_many(
    directories: Sequence[str],
    codes: Sequence[str],
    versions: Sequence[str],
    commands: Sequence[str],
    cores: Sequence[int],
    memorymb: Sequence[int],
    timeseconds: Sequence[int],
) -> dict[str, str]:
    """Submit many folders, with one value of each list per folder. Returns failed folders with reasons."""
    orders: dict[Order, list[Path]] = {}
    limits = zip(cores, memorymb, timeseconds, strict=True)
    tasks = zip(directories, codes, versions, commands, limits, strict=True)
    for directory, code, version, command, (cpus, memory, seconds) in list(tasks):
        order = _order(code, version, command, cores=cpus, memory=memory, seconds=seconds)
        orders.setdefault(order, []).append(Path(directory))
    chosen = _settings()
    done: list[Done] = []
    for order, folders in orders.items():
        done += submission.submit(chosen, order, folders, min(HANDS, len(folders)))
    return {str(one.folder): one.reason for one in done if one.reason}


def task_status(jobid: int | str) -> dict[str, str]:
    """Return ``status`` (received, submitted, running or completed) and ``reason``, a remark."""
    with Project.of(_settings()) as project:
        stands = status.of_job(project, _job(project, jobid))
    return {"status": stands.word, "reason": stands.line.partition(": ")[2]}


def task_get(directory: str | Path, bucket: str = "") -> list[str]:
    """Fetch the results of a task into its folder, or all files of another bucket. Returns their names.

    In the folder of a task only fetched files are replaced.
    """
    place = Path(directory)
    if bucket and bucket != _bucket_of(place):
        return _fetch(place, bucket)
    (got,) = results.get(_settings(), [place], 1, Replace.RESULTS)
    if got.faults:
        raise ValueError(f"{directory}: {'; '.join(got.faults)}")
    return list(got.files)


def task_cancel(jobid: int | str) -> dict[str, str]:
    """Cancel a task that has not ended. Returns ``status``: cancelled, or being cancelled while it runs."""
    with Project.of(_settings()) as project:
        job = _job(project, jobid)
        if job.ended:
            raise ValueError(f"job {job.id} has ended: it is {job.state}")
        return {"status": "cancelled" if project.delete(job) else "being cancelled"}


def task_publish_code(code: str, version: str, file: str | Path = "") -> dict[str, int]:
    """Send the image CODE:VERSION of podman or docker here to the resources that take images, or a file.

    Returns for each resource the job that stores it there, 0 where it is already. ``file`` is an archive of
    tar with the file system of an image, or a .sif file.
    """
    image = f"{code}:{version}"
    publication.check_name(image)
    with Project.of(_settings()) as project:
        takers = publication.takers(project.resources())
        with nullcontext(Path(file)) if file else local_image.export(image) as archive:
            pinned = publication.pinned(image, archive)
            sent = publication.publish(project, pinned, archive, takers)
            return {one.resource: one.job_id for one in sent}


def task_list_codes() -> list[tuple[str, str]]:
    """Return code and version of the containers that resources announce."""
    with Project.of(_settings()) as project:
        known = images.announced(project.resources())
    return [(code, version) for code, _, version in (image.rpartition(":") for image in known)]


def task_prune(bucket: str) -> None:
    """Remove an ended task with its inputs and results from the server. This cannot be undone."""
    with Project.of(_settings()) as project:
        tasks = project.jobs(application=command_line.APPLICATION)
        job = next((one for one in tasks if one.repository_url == bucket), None)
        if job is None:
            raise ValueError(f"no job of yours has the bucket {bucket!r}")
        if not job.ended:
            raise ValueError(f"job {job.id} is {job.state}: only what has ended can be pruned")
        project.delete(job)


def _settings() -> Settings:
    """Return the settings of the user; as leruli, LERULI_API_SECRET is a token, if it is one of LGI.

    Then LERULI_BASEURL is the server: with a secret of Leruli it is Leruli's.
    """
    secret = os.environ.get("LERULI_API_SECRET", "").strip()
    if not secret.startswith("lgi_"):
        return settings.with_defaults()
    return settings.with_defaults(token=secret, server=os.environ.get("LERULI_BASEURL", "").strip())


def _order(code: str, version: str, command: str, *, cores: int, memory: int, seconds: int) -> Order:
    image = images.image(code, version)
    specifics: Mapping[str, str | int] = {
        "image": image,
        "cpus": cores,
        "memory": memory,
        "walltime": seconds,
    }
    return Order(image, f"#!/bin/sh\n{command}\n", as_xml(specifics))


def _job(project: Project, jobid: int | str) -> Details:
    try:
        return project.job(jobid)
    except ServerError as error:
        if error.number != ErrorNumber.NO_JOB:
            raise
        raise ValueError(f"there is no job {jobid}") from None


def _bucket_of(directory: Path) -> str:
    try:
        found = record.read(directory)
    except RecordError as trouble:
        raise ValueError(f"{directory}: {trouble}") from None
    return found.repository_url if found else ""


def _fetch(directory: Path, bucket: str) -> list[str]:
    directory.mkdir(parents=True, exist_ok=True)
    chosen = _settings()
    files = Files(Repository(bucket, chosen.credentials().session()))
    names = [one.name for one in files.list() if is_staged(one.name)]
    for name in names:
        files.download(name, directory / name)
    return names
