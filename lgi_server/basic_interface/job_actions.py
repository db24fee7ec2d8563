"""Forms that add files to a job's repository, or delete them."""

import time
from functools import partial

from flask import request

from lgi_protocol.errors import ErrorNumber, LGIError
from lgi_server.api import fields, uploads
from lgi_server.basic_interface.job import seen
from lgi_server.basic_interface.registry import (
    AfterCommit,
    Answer,
    PageContext,
    Redirect,
    Template,
)
from lgi_server.storage.local import Repositories
from lgi_server.storage.repository import Limits, NoSuchFileError, Upload, check_uploads

NAME = fields.Field("name", 256, fields.E.UPLOAD, fields.E.UPLOAD)


def add_files(visit: PageContext, job_id: int) -> Answer:
    """Store the posted files, each in place of an older one with its name."""
    repository = local_repository(visit, job_id)
    files = uploads.chosen_files(request, "files")
    if not files:
        raise LGIError(ErrorNumber.UPLOAD, message="No file was chosen")

    def store() -> Redirect:
        _check_writer(visit, repository)
        _put(visit.visitor.server.store, repository, files)
        return Redirect(f"jobs/{job_id}#files")

    return AfterCommit(store)


def _put(store: Repositories, repository: str, files: tuple[Upload, ...]) -> None:
    """Store all files, or none unless the quota allows all."""
    check_uploads(files, Limits(store.max_file_size, store.max_size))
    total = sum(upload.arrived.stat().st_size for upload in files)
    store.quota(repository).check(files[0].name, min(total, store.max_file_size))
    for upload in files:
        with upload.arrived.open("rb") as opened:
            store.put(repository, upload.name, opened)


def ask_to_delete_file(visit: PageContext, job_id: int) -> Answer:
    """Return the form that asks whether to delete a file."""
    found, name = seen(visit, job_id), visit.query.untrimmed(NAME)
    repository = local_repository(visit, job_id)
    store = visit.visitor.server.store

    def ask() -> Template:
        _check_writer(visit, repository)
        if name not in {one.name for one in store.content(repository)}:
            raise LGIError(ErrorNumber.NO_JOB, message=f"The job has no file {name!r}")
        return Template("basic_interface/file_removal.html", {"job": found, "name": name})

    return AfterCommit(ask)


def delete_file(visit: PageContext, job_id: int) -> Answer:
    """Delete a file."""
    repository, name = local_repository(visit, job_id), visit.form.untrimmed(NAME)

    def delete() -> Redirect:
        _check_writer(visit, repository)
        _translated(partial(visit.visitor.server.store.delete, repository, name))
        return Redirect(f"jobs/{job_id}#files")

    return AfterCommit(delete)


def local_repository(visit: PageContext, job_id: int) -> str:
    """Return the repository, on this server, of a job that the user may read; LGIError NO_JOB, UPLOAD."""
    found = seen(visit, job_id)
    if visit.visitor.server.config.remote is not None or not found.repository:
        raise LGIError(ErrorNumber.UPLOAD, message="The files of this job are not on this server")
    return found.repository


def _check_writer(visit: PageContext, repository: str) -> None:
    """Raise LGIError MODIFY_REFUSED unless the user may change these files by PUT and DELETE too."""
    access = visit.visitor.server.repository_access(visit.visitor.who, time.time(), visit.user.groups)
    _translated(partial(access.check_writer, repository))


def _translated(work: "partial[None]") -> None:
    """Run ``work`` and raise LGIError NO_JOB for NoSuchFileError."""
    try:
        work()
    except NoSuchFileError as missing:
        raise LGIError(ErrorNumber.NO_JOB, message=missing.message) from None
