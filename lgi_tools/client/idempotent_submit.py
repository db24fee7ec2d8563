"""A submit creates exactly one job, also when its answer is lost.

The request carries an id, so that the server answers a repeated submit with the job of the first one. LGI
1.31 ignores the id: there a submit is sent once, and a lost answer is reported to the user.
"""

import secrets
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO

from lgi_protocol import whole_number, xml
from lgi_protocol.client import Client, retry_on_busy
from lgi_protocol.errors import ServerError, TransportError
from lgi_protocol.reply import Reply
from lgi_tools.client.progress import ProgressCallback
from lgi_tools.client.timing import DEFAULT, Timing

# The first version of the server that stores request ids.
REMEMBERS = (1, 41)
_UNKNOWN = "the answer was lost, so the job may be there all the same: look with LGI_qstat"


def new_id() -> str:
    """Return a unique request id."""
    return secrets.token_hex(16)


def submit_once(
    client: Client,
    call: str,
    fields: Mapping[str, str],
    files: tuple[Path | IO[bytes], ...] = (),
    *,
    timing: Timing = DEFAULT,
    sleep: Callable[[float], None] = time.sleep,
    watch: ProgressCallback | None = None,
    answered_before: bool = False,
) -> Reply:
    """Submit one job (``interfaces/interface_submit_job`` or that of a resource); retry until it is answered.

    Raises ServerError for a refusal, TransportError without an answer, OSError for a file. A caller that
    keeps ``request_id`` can repeat the submit after the program has ended. A server that cannot be reached
    is retried only when it has ``answered_before``: it is being restarted.
    """
    every = {"request_id": new_id()} | dict(fields)
    end, pause = time.monotonic() + timing.retry_seconds, timing.submit.first
    lost: TransportError | None = None
    while True:
        try:
            left = max(0.0, end - time.monotonic())
            return retry_on_busy(lambda: client.post(call, every, files, watch), left, sleep)
        except TransportError as error:
            lost = lost or (error if error.sent else None)
            is_late = time.monotonic() + pause > end
            if lost is None and (is_late or not (answered_before and _is_unreachable(error))):
                raise
            if lost and (is_late or not supports_request_id(client, call, fields)):
                raise TransportError(lost.server, f"{lost.reason}; {_UNKNOWN}") from error
        sleep(pause)
        pause = timing.submit.increase(pause)


def _is_unreachable(error: TransportError) -> bool:
    """Return whether there was no connection, as while a server is restarted."""
    from lgi_protocol.transport_errors import is_outage

    return not error.excerpt and is_outage(error)


def supports_request_id(client: Client, call: str, fields: Mapping[str, str]) -> bool:
    """Return whether a server stores request ids of submits; True while it does not answer.

    Any call that changes nothing will do: its answer has the version, also when it is an error.
    """
    harmless = "resources/resource_job_state"
    if call.startswith("interfaces/"):
        harmless = "interfaces/interface_project_server_list"
    caller = {name: fields[name] for name in ("project", "user", "groups") if name in fields}
    try:
        envelope = client.post(harmless, caller).envelope
    except ServerError as refused:
        envelope = refused.envelope
    except TransportError:
        return True
    return version_in(envelope) >= REMEMBERS


def version_in(envelope: str) -> tuple[int, ...]:
    """Return the version of the server in an answer as numbers, empty when it has none."""
    numbers = xml.value(envelope, "LGI_version").split(".")
    found = (whole_number.read(number) for number in numbers)
    return tuple(number for number in found if number is not None)
