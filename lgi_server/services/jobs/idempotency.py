"""A submit that is repeated because its answer was lost makes no second job."""

import hashlib
import json
import re
from dataclasses import dataclass

from lgi_protocol.errors import ErrorNumber, LGIError
from lgi_server.db.transaction import Transaction
from lgi_server.storage.base import Upload
from lgi_server.tables import submit_requests
from lgi_server.tables.job_queue import jobs
from lgi_server.tables.job_queue.jobs import JobRow
from lgi_server.tables.submit_requests import StoredRequest

_ID = re.compile(r"[A-Za-z0-9_.:-]{1,64}\Z")


@dataclass(frozen=True)
class IdempotencyKey:
    """The id a submit was given, and whose it is: nobody meets the requests of others."""

    caller: str
    request_id: str


def request(kind: str, name: str, request_id: str) -> IdempotencyKey | None:
    """Return the request of a submit, none when it was posted without an id.

    Raises LGIError SUBMIT_REFUSED for one that is no id.

    A user, a resource and a job may have the same name: ``kind`` says which it is.
    """
    if not request_id:
        return None
    if not _ID.match(request_id):
        why = "request_id is made of 1 to 64 letters, digits and _.:-"
        raise LGIError(ErrorNumber.SUBMIT_REFUSED, repr(request_id[:40]), message=why)
    return IdempotencyKey(f"{kind} {name}", request_id)


def fingerprint(said: tuple[object, ...], uploads: tuple[Upload, ...]) -> str:
    """Return a digest of everything a submit says."""
    files = [(upload.name, upload.digest) for upload in uploads]
    return hashlib.sha256(json.dumps([said, files], default=bytes.hex).encode()).hexdigest()


def find(transaction: Transaction, asked: IdempotencyKey | None) -> StoredRequest | None:
    """Return what is remembered of a request."""
    if asked is None:
        return None
    return submit_requests.find(transaction, asked.caller, [asked.request_id]).get(asked.request_id)


def replay(transaction: Transaction, first: StoredRequest, repeated: str) -> JobRow:
    """Return the job a request has made.

    Raises LGIError SUBMIT_REFUSED unless the same was said again, 15 when it was deleted.
    """
    if first.contents != repeated:
        why = "This request_id was given to another submit, give each its own"
        detail = f"{first.request_id}, job {first.job_id}"
        raise LGIError(ErrorNumber.SUBMIT_REFUSED, detail, message=why)
    job = jobs.find(transaction, first.job_id)
    if job is None:
        detail = f"job {first.job_id}, which this request has made, was deleted since"
        raise LGIError(ErrorNumber.NO_JOB, detail)
    return job
