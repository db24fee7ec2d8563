"""Transfers between a job and an object store of its user, by URLs that need no key.

They are secrets, so that no message has one. Only servers are asked that the owner of the resource names; no
redirect is followed.
"""

import hashlib
import http.client
import time
from collections.abc import Iterable
from pathlib import Path
from typing import IO, TYPE_CHECKING

from lgi_protocol.s3_requests import CONNECT_SECONDS, READ_SECONDS, SECONDS, SLOWEST, S3Body
from lgi_tools.client.transfer_error import TransferError
from lgi_tools.client.user_store import url_file
from lgi_tools.client.user_store.url_file import StoreInput

if TYPE_CHECKING:
    from urllib3 import BaseHTTPResponse

_BLOCK = 2**20
# A request that took too long, and too many of them.
_PASSING = {408, 429}


class StoreTransfer:
    """Fetches and stores files. Every method raises TransferError and OSError."""

    def __init__(self, servers: Iterable[str]) -> None:
        """Ask only these servers, as ``https://s3.example.org``."""
        self._servers = frozenset(servers)

    def fetch(self, one: StoreInput, target: Path) -> None:
        """Write an input to a file, as a whole or not at all: its size and digest are those announced."""
        part = target.with_name(f".LGI_{one.sha256[:16]}.part")
        part.unlink(missing_ok=True)
        try:
            with part.open("xb") as opened:
                digest = self._copy(one, opened)
            if digest != one.sha256:
                raise TransferError("the object store gives other bytes than were stored")
            part.replace(target)
        finally:
            part.unlink(missing_ok=True)

    def _copy(self, one: StoreInput, opened: IO[bytes]) -> str:
        import urllib3

        digest, left, end = hashlib.sha256(), one.size, time.monotonic() + SECONDS + one.size / SLOWEST
        answer = self._answer("GET", one.url)
        try:
            # One byte more shows that there are more; what has arrived, so that a slow store is found out.
            while block := answer.read1(min(left + 1, _BLOCK), decode_content=False):
                left -= len(block)
                if left < 0:
                    raise TransferError(f"the object store gives more than {one.size} bytes")
                if time.monotonic() > end:
                    raise TimeoutError
                digest.update(block)
                opened.write(block)
        except (urllib3.exceptions.HTTPError, TimeoutError) as error:
            raise TransferError(f"the object store ended {left} of {one.size} bytes early") from error
        finally:
            answer.close()
        if left:
            raise TransferError(f"the object store has {left} of {one.size} bytes less")
        return digest.hexdigest()

    def store(self, url: str, file: IO[bytes], size: int) -> None:
        """Store bytes of a file from its position on."""
        self._answer("PUT", url, S3Body(file, size, "")).close()

    def _answer(self, method: str, url: str, body: S3Body | None = None) -> "BaseHTTPResponse":
        import urllib3

        try:
            server, path = url_file.split(url, self._servers)
        except ValueError as error:
            raise TransferError(str(error)) from None
        headers = {"Content-Length": str(body.size)} if body else {}
        try:
            answer = urllib3.connection_from_url(
                server, timeout=urllib3.Timeout(connect=CONNECT_SECONDS, read=READ_SECONDS), retries=False
            ).urlopen(
                method,
                path,
                body=body.reader() if body else None,
                headers=headers,
                redirect=False,
                preload_content=False,
            )
        except (urllib3.exceptions.HTTPError, http.client.HTTPException, OSError) as error:
            # Messages of the library have the path.
            why = f"{server} cannot be reached, or is too slow: {type(error).__name__}"
            raise TransferError(why) from error
        if answer.status not in {200, 201, 204}:
            answer.close()
            raise TransferError(_refusal(answer.status), 503 if answer.status in _PASSING else answer.status)
        return answer


def _refusal(status: int) -> str:
    if status == 403:
        return "the object store refuses the URL of the job (HTTP 403): after 7 days it has expired"
    if status == 404:
        return "the object store does not have the file any more (HTTP 404)"
    if status == 507:
        return "the object store is full (HTTP 507)"
    return f"the object store answers HTTP {status}"
