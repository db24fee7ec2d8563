"""Files that came together as one: copied out beside the repositories, then renamed into one of them."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from lgi_protocol.errors import ErrorNumber, LGIError
from lgi_protocol.file_properties import FileProperties
from lgi_server.storage.base import Upload, file_name
from lgi_server.storage.local import Repositories, copy_part, give_properties
from lgi_server.storage.quota import Room
from lgi_server.storage.threadpool import run_in_thread
from lgi_server.storage.upload_budget import UploadBudget


@dataclass
class Copy:
    """One of the files: where its copy is, or why it is not stored."""

    upload: Upload
    refused: LGIError | None = None
    path: Path | None = None


@contextmanager
def copied(
    store: Repositories, name: str, uploads: Sequence[Upload], budget: UploadBudget
) -> Iterator[list[Copy]]:
    """Provide files of a request, each that may be stored copied to the disk, for `store_all`; OSError.

    Raises StorageFullError when the disk has no room for them. What is left at the end is removed.
    """
    copies = _judged(store.room(name), uploads)
    accepted = [one for one in copies if one.refused is None]
    store.pending.check_free(sum(one.upload.size for one in accepted))
    try:
        run_in_thread(_write, store, accepted, budget)
        yield copies
    finally:
        for one in copies:
            if one.path is not None:
                one.path.unlink(missing_ok=True)


def _judged(room: Room, uploads: Sequence[Upload]) -> list[Copy]:
    """Return each file in its turn: the ones before it have taken their room."""
    names: set[str] = set()
    copies = []
    for upload in uploads:
        refused = None
        try:
            if file_name(upload.name) in names:
                raise LGIError(ErrorNumber.UPLOAD, f"two files have the name {upload.name!r}")
            room.check(upload.name, upload.size)
            room.add(upload.name, upload.size)
            names.add(upload.name)
        except LGIError as fault:
            refused = fault
        copies.append(Copy(upload, refused))
    return copies


def _write(store: Repositories, copies: Sequence[Copy], budget: UploadBudget) -> None:
    """Write copies, one open at a time, and wait for the disk once."""
    for one in copies:
        with budget.new_file() as opened:
            one.path = Path(opened.name)
            # By its time it is seen whether an arrival was left behind: the file's own comes with its name.
            copy_part(replace(one.upload, properties=FileProperties()), os.dup(opened.fileno()))
    if copies:
        store.sync()


def store_all(store: Repositories, name: str, copies: Sequence[Copy]) -> None:
    """Give copies their names, each replacing an older file; one that cannot have it says why."""
    run_in_thread(_rename, store, name, [one for one in copies if one.path is not None])


def _rename(store: Repositories, name: str, copies: Sequence[Copy]) -> None:
    # Others may have stored files since they were judged.
    room = store.room(name)
    with store.opened(name) as at:
        for one in copies:
            wanted = one.upload.name
            try:
                room.check(wanted, one.upload.size)
                room.add(wanted, one.upload.size)
                os.rename(str(one.path), wanted, dst_dir_fd=at)
                give_properties(one.upload.properties, wanted, at)
            except LGIError as refused:
                one.refused = refused
            except OSError as error:
                one.refused = LGIError(ErrorNumber.UPLOAD, f"{wanted!r}: {error.strerror}")
        os.fsync(at)
