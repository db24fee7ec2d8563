"""The submit of a job whose files go through a store of its user."""

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from lgi_protocol import s3_signature
from lgi_protocol.errors import ServerError
from lgi_protocol.s3_bucket import S3Bucket, file_digest
from lgi_protocol.s3_errors import S3Error
from lgi_protocol.s3_requests import S3Place
from lgi_protocol.s3_signature import LONGEST, S3Credentials, S3Request
from lgi_tools.client.job import Details
from lgi_tools.client.job_request import JobRequest
from lgi_tools.client.project import Project
from lgi_tools.client.result_patterns import ALL
from lgi_tools.client.user_store import access, place, url_file
from lgi_tools.client.user_store.place import StorePlace
from lgi_tools.client.user_store.url_file import StoreInput, StoreUrls

_BEGIN = b"#!/bin/sh\n"
_REFUSAL = "LGI: this resource uses no object stores of users"
_GUARD = f"[ -e {url_file.MARK} ] || {{ echo '{_REFUSAL}' >&2; exit 125; }}\n"


def submit(project: Project, request: JobRequest, address: str) -> Details:
    """Queue a job; its files and results are in the user's store, below ``s3://BUCKET/PREFIX``.

    The input is a script for /bin/sh. Raises ValueError, OSError and S3Error before anything is submitted,
    and as `Project.submit`.
    """
    own = place.of_new_job(access.server(), address)
    guarded = _guarded(request.input)
    keys = access.credentials()
    bucket = access.bucket(own.bucket)
    files = request.paths()
    if len(files) > url_file.MOST:
        raise ValueError(f"{len(files)} files: a job gets up to {url_file.MOST} from a store")
    if len({path.name for path in files}) < len(files):
        raise ValueError("two files have the same name, which must be unique where the job runs")
    with _stored(bucket, own, files) as inputs:
        sign = _Signer(bucket.place, keys, own)
        urls = StoreUrls(
            tuple(replace(one, url=sign.url("GET", place.input_name(one.name))) for one in inputs),
            sign.url("PUT", place.RESULTS),
        )
        specifics = f"{request.fields().get('job_specifics', '')} {own.as_xml()}".strip()
        with tempfile.TemporaryDirectory(prefix="LGI_store.") as directory:
            file = Path(directory, url_file.NAME)
            file.write_text(urls.write())
            sent = replace(request, input=guarded, files=(file,), specifics=specifics, results=ALL)
            return project.submit_request(sent)


def _guarded(script: bytes | str) -> bytes:
    """Return a script that does nothing where results would go to the project's repository."""
    text = script.encode() if isinstance(script, str) else script
    if not text.startswith(_BEGIN):
        raise ValueError("a job with a store of its user is a script that begins with #!/bin/sh")
    return _BEGIN + _GUARD.encode() + text.removeprefix(_BEGIN)


@contextmanager
def _stored(bucket: S3Bucket, own: StorePlace, files: Sequence[Path]) -> Iterator[list[StoreInput]]:
    """Store the inputs of a job, and remove them again when the job is refused."""
    stored: list[StoreInput] = []
    try:
        for path in files:
            with path.open("rb") as opened:
                size = path.stat().st_size
                one = StoreInput(path.name, size, file_digest(opened, size), "")
                bucket.put(own.key(place.input_name(path.name)), opened, size, {})
            stored.append(one)
        yield stored
    except (ServerError, S3Error, ValueError, OSError):
        with suppress(S3Error):
            bucket.remove([own.key(place.input_name(one.name)) for one in stored])
        raise


class _Signer:
    """Makes the URLs of a job, which hold as long as the store allows."""

    def __init__(self, store: S3Place, keys: S3Credentials, own: StorePlace) -> None:
        self._store, self._keys, self._own = store, keys, own
        self._now = datetime.now(UTC)

    def url(self, method: str, name: str) -> str:
        path = self._store.path(self._own.key(name))
        request = S3Request(method, self._store.host, path)
        query = s3_signature.presigned_query(request, self._keys, self._now, LONGEST)
        return f"{self._store.url}{path}?{query}"
