"""Files that were posted as one: each is copied in the incoming directory, then renamed into a repository."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from lgi_protocol.errors import ErrorNumber, LGIError
from lgi_protocol.file_properties import FileProperties
from lgi_server.storage.quota import Quota
from lgi_server.storage.repository import Upload, file_name
from lgi_server.storage.threadpool import run_in_thread
from lgi_server.storage.upload_budget import UploadBudget
from lgi_server.storage.upload_copy import copy_part, set_properties

if TYPE_CHECKING:
    from lgi_server.storage.local import Repositories


@dataclass
class Copy:
    """One of the files: the path of its copy until it is renamed, or the error for which it is not stored."""

    upload: Upload
    refused: LGIError | None = None
    path: Path | None = None


@contextmanager
def copied(
    store: "Repositories", name: str, uploads: Sequence[Upload], budget: UploadBudget
) -> Iterator[list[Copy]]:
    """Provide a copy of each file that may be stored, written to disk, for `store_all`.

    Copies that were not stored are removed at the end of the block. Raises OSError, or StorageFullError.
    """
    copies = checked(store.quota(name), uploads)
    accepted = [one for one in copies if one.refused is None]
    store.pending.check_free(sum(one.upload.size for one in accepted))
    try:
        run_in_thread(_write, store, accepted, budget)
        yield copies
    finally:
        for one in copies:
            if one.path is not None:
                one.path.unlink(missing_ok=True)


def checked(quota: Quota, uploads: Sequence[Upload]) -> list[Copy]:
    """Return the files, checked one after the other; each accepted file counts for those after it."""
    names: set[str] = set()
    copies = []
    for upload in uploads:
        refused = None
        try:
            if file_name(upload.name) in names:
                raise LGIError(ErrorNumber.UPLOAD, f"two files have the name {upload.name!r}")
            quota.check(upload.name, upload.size)
            quota.add(upload.name, upload.size)
            names.add(upload.name)
        except LGIError as error:
            refused = error
        copies.append(Copy(upload, refused))
    return copies


def _write(store: "Repositories", copies: Sequence[Copy], budget: UploadBudget) -> None:
    """Write copies, with one of them open at a time, and sync the disk once."""
    for one in copies:
        with budget.new_file() as opened:
            one.path = Path(opened.name)
            # Without its properties: the modification time shows whether an incoming file is stale.
            copy_part(replace(one.upload, properties=FileProperties()), os.dup(opened.fileno()))
    if copies:
        store.sync()


def store_all(store: "Repositories", name: str, copies: Sequence[Copy]) -> None:
    """Store copies in a repository, replacing older files; a failed copy gets its ``refused``."""
    store.put_all(name, [one for one in copies if one.path is not None])


def rename(store: "Repositories", name: str, copies: Sequence[Copy]) -> None:
    """Rename copies into a repository as `store_all` does; blocks the thread."""
    # Other requests may have stored files since the first check.
    quota = store.quota(name)
    with store.opened(name) as at:
        for one in copies:
            file = one.upload.name
            try:
                quota.check(file, one.upload.size)
                quota.add(file, one.upload.size)
                os.rename(str(one.path), file, dst_dir_fd=at)
                one.path = None
                set_properties(one.upload.properties, file, at)
            except LGIError as refused:
                one.refused = refused
            except OSError as error:
                one.refused = LGIError(ErrorNumber.UPLOAD, f"{file!r}: {error.strerror}")
        os.fsync(at)
