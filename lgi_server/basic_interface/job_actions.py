"""The files of a job's repository: more of them, and fewer."""

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
from lgi_server.storage import base
from lgi_server.storage.base import NoSuchFileError, Upload
from lgi_server.storage.local import Repositories

NAME = fields.Field("name", 256, fields.E.UPLOAD, fields.E.UPLOAD)


def add_files(visit: PageContext, job_id: int) -> Answer:
    """Store files, each replacing an older one of its name."""
    repository = _repository(visit, job_id)
    files = uploads.chosen_files(request, "files")
    if not files:
        raise LGIError(ErrorNumber.UPLOAD, message="No file was chosen")

    def store() -> Redirect:
        _check_writer(visit, repository)
        _put(visit.visitor.server.store, repository, files)
        return Redirect(f"jobs/{job_id}#files")

    return AfterCommit(store)


def _put(store: Repositories, repository: str, files: tuple[Upload, ...]) -> None:
    """All of some files, if there is room for all."""
    base.check_uploads(files, base.Limits(store.max_file_size, store.max_size))
    together = sum(upload.arrived.stat().st_size for upload in files)
    store.check_room(repository, files[0].name, min(together, store.max_file_size))
    for upload in files:
        with upload.arrived.open("rb") as opened:
            store.put(repository, upload.name, opened)


def ask_to_delete_file(visit: PageContext, job_id: int) -> Answer:
    """Return the question, with the file's name on it."""
    found, name = seen(visit, job_id), visit.query.untrimmed(NAME)
    repository = _repository(visit, job_id)
    store = visit.visitor.server.store

    def ask() -> Template:
        _check_writer(visit, repository)
        if name not in {one.name for one in store.content(repository)}:
            raise LGIError(ErrorNumber.NO_JOB, message=f"The job has no file {name!r}")
        return Template("basic_interface/file_removal.html", {"job": found, "name": name})

    return AfterCommit(ask)


def delete_file(visit: PageContext, job_id: int) -> Answer:
    """Remove a file."""
    repository, name = _repository(visit, job_id), visit.form.untrimmed(NAME)

    def delete() -> Redirect:
        _check_writer(visit, repository)
        _known(partial(visit.visitor.server.store.delete, repository, name))
        return Redirect(f"jobs/{job_id}#files")

    return AfterCommit(delete)


def _repository(visit: PageContext, job_id: int) -> str:
    """Return the repository of a job the visitor may read, if it is kept here; LGIError NO_JOB or UPLOAD."""
    found = seen(visit, job_id)
    if visit.visitor.server.config.remote is not None or not found.repository:
        raise LGIError(ErrorNumber.UPLOAD, message="The files of this job are not kept by this server")
    return found.repository


def _check_writer(visit: PageContext, repository: str) -> None:
    """LGIError MODIFY_REFUSED unless the rules of PUT and DELETE let the visitor change these files."""
    access = visit.visitor.server.repository_access(visit.visitor.who, time.time(), visit.user.groups)
    _known(partial(access.check_writer, repository))


def _known(look: "partial[None]") -> None:
    try:
        look()
    except NoSuchFileError as missing:
        raise LGIError(ErrorNumber.NO_JOB, message=missing.message) from None
