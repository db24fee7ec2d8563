"""The errors of an object store as callers of this server see them; the log has the details."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from lgi_protocol.errors import ErrorNumber, LGIError
from lgi_protocol.s3_errors import S3Error, S3FullError, S3MissingError
from lgi_server.storage.pending_uploads import StorageFullError
from lgi_server.storage.repository import NoSuchFileError

log = logging.getLogger("lgi.repositories")


class StoreUnavailableError(LGIError):
    """The object store cannot be used at present; the same request may succeed later."""

    def __init__(self) -> None:
        super().__init__(ErrorNumber.UPLOAD, message="The object store is not available")


@contextmanager
def translated(name: str) -> Iterator[None]:
    """Turn S3Error into NoSuchFileError, StorageFullError or StoreUnavailableError; log it with ``name``."""
    try:
        yield
    except S3MissingError:
        raise NoSuchFileError(name) from None
    except S3FullError as full:
        log.error("%s: %s", name, full)
        raise StorageFullError("the object store is full") from None
    except S3Error as error:
        log.error("%s: %s", name, error)
        raise StoreUnavailableError from None
