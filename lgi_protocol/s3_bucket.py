"""The objects of a bucket: stored, read, listed, copied and removed."""

import base64
import hashlib
import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import IO, TYPE_CHECKING

from lgi_protocol import s3_answers, whole_number
from lgi_protocol.s3_answers import S3Object
from lgi_protocol.s3_errors import S3ChangedError, S3Error, S3UnavailableError
from lgi_protocol.s3_requests import S3Body, S3Call, S3Place, S3Requests
from lgi_protocol.value_object import value_object

if TYPE_CHECKING:
    from urllib3 import BaseHTTPResponse

# Objects above this size are sent in parts of it, or of more: there are at most 10,000 parts.
PART, MOST_PARTS = 64 * 2**20, 10_000
_AT_ONCE = 1000
_BLOCK = 2**20


@value_object
class ObjectHead:
    """Size in bytes, ETag, time of the last change in nanoseconds since 1970, and headers of an object."""

    size: int
    tag: str
    date: int
    headers: Mapping[str, str]


def file_digest(file: IO[bytes], size: int) -> str:
    """Return the SHA-256 of the next bytes of a file, which stays where it is. Raises S3Error."""
    begin, left, digest = file.tell(), size, hashlib.sha256()
    while left:
        block = file.read(min(left, _BLOCK))
        if not block:
            raise S3Error(f"store an object: {size - left} of {size} bytes are there")
        digest.update(block)
        left -= len(block)
    file.seek(begin)
    return digest.hexdigest()


class S3Bucket:
    """The objects of one bucket. Every method raises S3Error."""

    def __init__(
        self, requests: S3Requests, part: int = PART, digest: Callable[[IO[bytes], int], str] = file_digest
    ) -> None:
        """Make requests; larger objects are sent in parts of ``part`` bytes. ``digest`` is `file_digest`."""
        self._requests = requests
        self._part = part
        self._digest = digest

    @property
    def place(self) -> S3Place:
        """The store and the bucket."""
        return self._requests.place

    def put(self, key: str, file: IO[bytes], size: int, headers: Mapping[str, str]) -> None:
        """Store ``size`` bytes of a file as an object, which appears when it is complete."""
        if size > self._part:
            self._put_parts(key, file, size, headers)
            return
        call = S3Call("store an object", "PUT", key, headers=headers, body=self._body(file, size))
        self._requests.text(call)

    def put_bytes(self, key: str, data: bytes) -> None:
        """Store bytes as an object."""
        self.put(key, io.BytesIO(data), len(data), {})

    def _put_parts(self, key: str, file: IO[bytes], size: int, headers: Mapping[str, str]) -> None:
        begun = S3Call("begin an upload", "POST", key, {"uploads": ""}, headers)
        upload = _checked_value(self._requests.text(begun)[1], "UploadId")
        try:
            self._send_parts(key, upload, file, size)
        except BaseException:
            self._abort(key, upload)
            raise

    def _send_parts(self, key: str, upload: str, file: IO[bytes], size: int) -> None:
        part, tags, left = max(self._part, -(-size // MOST_PARTS)), list[str](), size
        while left:
            body = self._body(file, min(part, left))
            query = {"partNumber": str(len(tags) + 1), "uploadId": upload}
            answer, _text = self._requests.text(S3Call("store a part", "PUT", key, query, body=body))
            tags.append(answer.headers.get("ETag", ""))
            left -= body.size
        complete = s3_answers.completion(tags)
        call = S3Call("complete an upload", "POST", key, {"uploadId": upload}, body=_body_of(complete))
        _check(self._requests.text(call)[1], call.what)

    def _body(self, file: IO[bytes], size: int) -> S3Body:
        return S3Body(file, size, self._digest(file, size))

    def _abort(self, key: str, upload: str) -> None:
        try:
            self._requests.text(S3Call("end an upload", "DELETE", key, {"uploadId": upload}))
        except S3Error:
            # The store removes it later, as its administrator has set.
            return

    def get(self, key: str, begin: int = 0, tag: str = "") -> "BaseHTTPResponse":
        """Return the answer with an object from a byte on, of the version with an ETag if one is given."""
        headers = {"range": f"bytes={begin}-"} if begin else {}
        if tag:
            headers["if-match"] = tag
        call = S3Call("read an object", "GET", key, headers=headers)
        answer = self._requests.open(call)
        try:
            _check_part(answer, begin, tag, call.what)
        except S3Error:
            answer.close()
            raise
        return answer

    def head(self, key: str) -> ObjectHead:
        """Return what is known of an object."""
        return head_of(self._requests.text(S3Call("look at an object", "HEAD", key))[0])

    def copy(self, source: str, key: str) -> None:
        """Copy an object of the bucket, with its headers, without reading it."""
        headers = {"x-amz-copy-source": self._requests.place.path(source)}
        call = S3Call("copy an object", "PUT", key, headers=headers)
        _check(self._requests.text(call)[1], call.what)

    def remove(self, keys: Sequence[str]) -> None:
        """Remove objects, those that are there."""
        usual = [key for key in keys if s3_answers.is_in_xml(key)]
        for begin in range(0, len(usual), _AT_ONCE):
            self._remove(usual[begin : begin + _AT_ONCE])
        for key in keys:
            if not s3_answers.is_in_xml(key):
                self._requests.text(S3Call("remove an object", "DELETE", key))

    def _remove(self, keys: list[str]) -> None:
        """Remove objects by one request."""
        document = s3_answers.removal(keys)
        digest = base64.b64encode(hashlib.md5(document, usedforsecurity=False).digest()).decode()
        headers = {"content-md5": digest, "content-type": "application/xml"}
        call = S3Call("remove objects", "POST", "", {"delete": ""}, headers, _body_of(document))
        text = self._requests.text(call)[1]
        try:
            refused = [code for code in s3_answers.errors_of_removal(text) if code != "NoSuchKey"]
        except ValueError as error:
            raise S3Error(f"{call.what}: {error}") from None
        if refused:
            raise S3UnavailableError(f"{call.what}: {len(refused)} are left, {refused[0]!r}")

    def objects(self, prefix: str) -> Iterator[S3Object]:
        """Yield the objects whose keys begin with ``prefix``, in the order of their keys."""
        for page in self._pages({"prefix": prefix}):
            # Nothing else is ever removed, whatever a store lists.
            yield from (one for one in page.objects if one.key.startswith(prefix))

    def prefixes(self, prefix: str) -> Iterator[str]:
        """Yield the different parts of keys that begin with ``prefix``, up to the slash after it."""
        for page in self._pages({"prefix": prefix, "delimiter": "/"}):
            yield from page.prefixes

    def _pages(self, query: Mapping[str, str]) -> Iterator[s3_answers.S3Page]:
        usual = {"list-type": "2", "encoding-type": "url", "max-keys": str(_AT_ONCE), **query}
        token, tokens = "", set[str]()
        while True:
            more = {"continuation-token": token} if token else {}
            call = S3Call("list objects", "GET", "", {**usual, **more})
            try:
                page = s3_answers.page(self._requests.text(call)[1])
            except (ValueError, OverflowError) as error:
                raise S3Error(f"{call.what}: {error}") from None
            yield page
            token = page.next_page
            if not token:
                return
            # A store that always answers with the same page would never end.
            if token in tokens:
                raise S3Error(f"{call.what}: the store repeats a page")
            tokens.add(token)


def _check_part(answer: "BaseHTTPResponse", begin: int, tag: str, what: str) -> None:
    """Raise S3Error for an answer with other bytes than were asked for."""
    if begin and answer.status != HTTPStatus.PARTIAL_CONTENT:
        raise S3Error(f"{what}: the store sends all of it in the place of a part")
    if tag and answer.headers.get("ETag", tag) != tag:
        raise S3ChangedError(f"{what}: the store sends another version")


def _body_of(text: bytes) -> S3Body:
    return S3Body(io.BytesIO(text), len(text), hashlib.sha256(text).hexdigest())


def _check(text: bytes, what: str) -> None:
    """Raise S3UnavailableError for an error that was sent with the status of success."""
    try:
        is_error = s3_answers.is_error(text)
    except ValueError as error:
        raise S3UnavailableError(f"{what}: {error}") from None
    if is_error:
        raise S3UnavailableError(f"{what}: {s3_answers.value(text, 'Code')[:64]!r}")


def _checked_value(text: bytes, name: str) -> str:
    try:
        value = s3_answers.value(text, name)
    except ValueError as error:
        raise S3Error(f"begin an upload: {error}") from None
    if not value:
        raise S3Error("begin an upload: the store gives it no number")
    return value


def head_of(answer: "BaseHTTPResponse") -> ObjectHead:
    """Return what the answer to a request of a whole object tells of it. Raises S3Error."""
    size = whole_number.read(answer.headers.get("Content-Length", ""))
    if size is None:
        raise S3Error("look at an object: the store does not tell its size")
    tag, date = answer.headers.get("ETag", ""), _date(answer.headers.get("Last-Modified", ""))
    return ObjectHead(size, tag, date, answer.headers)


def _date(text: str) -> int:
    try:
        found: datetime = parsedate_to_datetime(text)
        return max(0, int(found.timestamp())) * 10**9
    except (TypeError, ValueError, OverflowError):
        return 0
