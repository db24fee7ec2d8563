"""The results of a job in a store of its user, fetched with the user's keys."""

import os
from pathlib import Path

from lgi_protocol.s3_bucket import ObjectHead, S3Bucket
from lgi_protocol.s3_errors import S3Error, S3MissingError
from lgi_tools.client.job import Job
from lgi_tools.client.transfer_error import TransferError
from lgi_tools.client.user_store import access, place
from lgi_tools.client.user_store.place import StorePlace

_BLOCK = 2**20


class StoredResults:
    """The archive of the results of a job."""

    def __init__(self, bucket: S3Bucket, own: StorePlace, head: ObjectHead) -> None:
        """Use what `find` has found."""
        self._bucket, self._own, self._head = bucket, own, head

    def is_at(self, target: Path) -> bool:
        """Return whether a file has the size and the time of the archive: it was fetched before."""
        try:
            status = os.lstat(target)
        except FileNotFoundError:
            return False
        return (status.st_size, status.st_mtime_ns) == (self._head.size, self._head.date)

    def fetch(self, target: Path) -> None:
        """Write the archive to a file, as a whole or not at all. Raises TransferError and OSError."""
        part = target.with_name(f".{target.name}.{os.getpid()}.part")
        try:
            self._write(part)
            os.utime(part, ns=(self._head.date, self._head.date))
            part.replace(target)
        finally:
            part.unlink(missing_ok=True)

    def _write(self, part: Path) -> None:
        import urllib3

        left = self._head.size
        try:
            answer = self._bucket.get(self._own.key(place.RESULTS), tag=self._head.tag)
            with part.open("xb") as opened:
                while left > 0 and (block := answer.read(min(left, _BLOCK), decode_content=False)):
                    opened.write(block)
                    left -= len(block)
            answer.close()
        except (S3Error, urllib3.exceptions.HTTPError) as error:
            raise TransferError(f"the object store: {_text(error)}") from None
        if left:
            raise TransferError(f"the object store ended {left} bytes early")


def find(job: Job) -> StoredResults | None:
    """Return the results of a job, None for a job that has no store.

    Raises TransferError: the store is not the user's, or has no results.
    """
    try:
        own = place.read(job.specifics)
        if own is None:
            return None
        if own.server != access.server():
            # Nobody else's store gets a request with the user's keys.
            raise ValueError(f"its results are at {own.server}, which is not LGI_S3_SERVER")
        bucket = access.bucket(own.bucket)
        return StoredResults(bucket, own, bucket.head(own.key(place.RESULTS)))
    except S3MissingError:
        raise TransferError(f"{own.address if own else ''} has no results") from None
    except S3Error as error:
        raise TransferError(f"the object store: {_text(error)}") from None
    except (ValueError, OSError) as error:
        raise TransferError(str(error)) from None


def _text(error: Exception) -> str:
    return str(error) if isinstance(error, S3Error) else type(error).__name__
