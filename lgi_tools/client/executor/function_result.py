"""The values that a job has stored, or the exception that its function raised.

Loading a pickle runs whatever code it names, so that only the file which the machine that ran the job has
reported is loaded: its digest is in the output of the job, which nobody but that machine can change. What
runs there is what was submitted (`file_check`).
"""

import json
import pickle
import re
from hashlib import sha256
from typing import Any

from lgi_protocol.errors import TransportError
from lgi_protocol.states import State
from lgi_tools.client.executor.job_error import JobError, RemoteTracebackError
from lgi_tools.client.executor.remote_call import RESULT
from lgi_tools.client.files import Files
from lgi_tools.client.job import Details
from lgi_tools.client.result import result_of
from lgi_tools.client.text import printable
from lgi_tools.client.transfer_error import TransferError

# Bytes of a result that is read into memory, and of its header.
MOST_BYTES = 2**31
_MOST_HEADER = 2**20
# Standard output, which has this line alone, comes first in the output of a job.
_DIGEST = re.compile(rb"^\[LGI: the SHA-256 of [a-z.]+ is ([0-9a-f]{64})\]$", re.MULTILINE)
# Characters of the output that an error shows.
_MOST_OUTPUT = 2000


def digest_in(job: Details) -> str:
    """Return the digest of the result that the job has stored. Raises JobError for a job without one."""
    found = _DIGEST.search(job.output)
    if found is None or job.state == State.ABORTED:
        output = result_of(job).text.strip()[-_MOST_OUTPUT:]
        said = f"; its output: {printable(output)}" if output else ""
        raise JobError(job.id, f"has no result: {job.end.text}{said}")
    return found[1].decode()


def fetch_result(job: Details, files: Files) -> bytes:
    """Return the content of the result of an ended job.

    Raises JobError, and TransportError for a server that may answer later.
    """
    digest = digest_in(job)
    sizes = [one.size for one in job.files if one.name == RESULT]
    if not sizes:
        raise JobError(job.id, f"has lost its result: {RESULT} is not among its files")
    if sizes[0] > MOST_BYTES:
        raise JobError(job.id, f"has a result of {sizes[0]} bytes, at most {MOST_BYTES} are read")
    try:
        content = files.read(RESULT, MOST_BYTES)
    except TransferError as error:
        if error.may_pass:
            raise TransportError(files.url, str(error)) from error
        raise JobError(job.id, f"has a result that cannot be fetched: {error}") from error
    if sha256(content).hexdigest() != digest:
        raise JobError(job.id, f"has another {RESULT} than its resource has stored: it is not loaded")
    return content


def load_values(job_id: int, content: bytes) -> list[Any]:
    """Return the values of a result that `fetch_result` has returned, or raise the exception of the function.

    Its cause is the traceback of the job. JobError for one that cannot be loaded here.
    """
    try:
        line, _, data = content.partition(b"\n")
        header = json.loads(line[:_MOST_HEADER])
        loaded = pickle.loads(data) if data else None  # noqa: S301 - see above
        values: list[Any] = list(loaded or ()) if header["ok"] else []
        text, traceback = str(header.get("text")), str(header.get("traceback"))
    except Exception as error:
        raise JobError(job_id, f"has a result that cannot be loaded here: {error!r}") from error
    if header["ok"]:
        return values
    cause = RemoteTracebackError(traceback)
    if isinstance(loaded, Exception):
        raise loaded from cause
    raise JobError(job_id, f"has no result: {printable(text)}") from cause
