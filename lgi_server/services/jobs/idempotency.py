"""Idempotency keys: a submit that is repeated, because its answer was lost, creates no second job."""

import hashlib
import json
import re
from dataclasses import dataclass

from lgi_protocol.errors import ErrorNumber, LGIError
from lgi_server.db.transaction import Transaction
from lgi_server.storage.repository import Upload
from lgi_server.tables import submit_requests
from lgi_server.tables.job_queue import jobs
from lgi_server.tables.job_queue.jobs import JobRow
from lgi_server.tables.submit_requests import StoredRequest

_ID = re.compile(r"[A-Za-z0-9_.:-]{1,64}\Z")


@dataclass(frozen=True)
class IdempotencyKey:
    """The request_id of a submit and its caller; callers may use the same request_id independently."""

    caller: str
    request_id: str


def make_key(kind: str, name: str, request_id: str) -> IdempotencyKey | None:
    """Return the key of a submit, None without a request_id; LGIError SUBMIT_REFUSED for a malformed one.

    ``kind`` is "user", "resource" or "job", since callers of different kinds may have the same name.
    """
    if not request_id:
        return None
    if not _ID.match(request_id):
        why = "A request_id has 1 to 64 letters, digits or characters of _.:-"
        raise LGIError(ErrorNumber.SUBMIT_REFUSED, repr(request_id[:40]), message=why)
    return IdempotencyKey(f"{kind} {name}", request_id)


def fingerprint(values: tuple[object, ...], uploads: tuple[Upload, ...]) -> str:
    """Return the SHA-256 of all fields and files of a submit, as hexadecimal digits."""
    files = [(upload.name, upload.digest) for upload in uploads]
    return hashlib.sha256(json.dumps([values, files], default=bytes.hex).encode()).hexdigest()


def find(transaction: Transaction, key: IdempotencyKey | None) -> StoredRequest | None:
    """Return the stored request of a key, if there is one."""
    if key is None:
        return None
    return submit_requests.find(transaction, key.caller, [key.request_id]).get(key.request_id)


def replay(transaction: Transaction, first: StoredRequest, repeated: str) -> JobRow:
    """Return the job that a stored request has created, for a submit with the same key.

    Raises LGIError SUBMIT_REFUSED when the submit has another fingerprint, NO_JOB when the job was deleted.
    """
    if first.contents != repeated:
        # Not the request_id itself: that of LGI_run is a digest, which its user has never seen.
        why = f"This request_id (--batch-id of LGI_run) belongs to another submit, that of job {first.job_id}"
        raise LGIError(ErrorNumber.SUBMIT_REFUSED, "use a new one for each", message=why)
    job = jobs.find(transaction, first.job_id)
    if job is None:
        detail = f"job {first.job_id}, which this request has created, was deleted"
        raise LGIError(ErrorNumber.NO_JOB, detail)
    return job
