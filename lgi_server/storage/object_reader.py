"""A file of a repository in an object store, read from where it is needed."""

import io
import logging
import time
from http.client import HTTPException
from typing import TYPE_CHECKING

from lgi_protocol.s3_bucket import ObjectHead, S3Bucket
from lgi_protocol.s3_errors import S3Error
from lgi_protocol.s3_requests import SECONDS, SLOWEST

if TYPE_CHECKING:
    from urllib3 import BaseHTTPResponse

log = logging.getLogger("lgi.repositories")


class ObjectReader(io.RawIOBase):
    """One version of an object, which is fetched again from where it is read. Reading raises OSError.

    A store that has fewer bytes than it has said, or gives them too slowly, is an error. More than it has
    said are not read.
    """

    def __init__(self, bucket: S3Bucket, key: str, head: ObjectHead, answer: "BaseHTTPResponse") -> None:
        """Read an object from ``answer``, the answer to a request of it, with this head."""
        super().__init__()
        self.head = head
        self._bucket = bucket
        self._key = key
        self._at = 0
        self._seconds = 0.0
        self._got = 0
        self._answer: BaseHTTPResponse | None = answer
        # The position in the object of the next byte of the answer.
        self._answer_at = 0

    def readable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return True."""
        return True

    def tell(self) -> int:
        """Return the position in bytes."""
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Set the position; the next read fetches from there."""
        begin = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self.head.size}[whence]
        self._at = max(0, begin + offset)
        return self._at

    def readinto(self, buffer: "bytearray | memoryview") -> int:  # type: ignore[override]
        """Read the next bytes into a buffer; return their number, 0 at the end."""
        size = min(len(buffer), self.head.size - self._at)
        if size <= 0:
            return 0
        begin = time.monotonic()
        data = self._fetched(size)
        self._seconds += time.monotonic() - begin
        self._got += len(data)
        if not data:
            raise self._failed(f"{self._at} of {self.head.size} bytes are there")
        if self._seconds > SECONDS + self._got / SLOWEST:
            raise self._failed("the store is too slow")
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)

    def _fetched(self, size: int) -> bytes:
        # Loaded with the store; servers without one do without it.
        from urllib3.exceptions import HTTPError

        try:
            if self._answer_at != self._at:
                self._drop()
            if self._answer is None:
                self._answer = self._bucket.get(self._key, self._at, self.head.tag)
                self._answer_at = self._at
            # What has arrived: a store that sends a byte now and then is found out.
            data = self._answer.read1(size, decode_content=False)
            self._answer_at += len(data)
            return data
        except (S3Error, HTTPException, OSError) as error:
            raise self._failed(str(error) or type(error).__name__) from None
        except HTTPError as error:
            # Its text may have the address of the store.
            raise self._failed(type(error).__name__) from None

    def _failed(self, why: str) -> OSError:
        self._drop()
        log.error("cannot read an object of the store: %s", ascii(why[:200]))
        return OSError(5, "the object store does not give the whole file")

    def _drop(self) -> None:
        if self._answer is not None:
            # The rest of the object is not read: the connection cannot be used again.
            self._answer.close()
            self._answer = None

    def close(self) -> None:
        """End the connection to the store."""
        if self._answer is not None and self._answer_at >= self.head.size:
            self._answer.release_conn()
            self._answer = None
        self._drop()
        super().close()
