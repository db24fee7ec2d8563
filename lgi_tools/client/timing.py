"""How long the tools wait for a server: pauses between attempts, and when they give up."""

from dataclasses import dataclass

from lgi_protocol.backoff import Backoff

SUBMIT = Backoff(0.5, 8.0)
POLL = Backoff(0.2, 5.0, 1.5)
DOWNLOAD = Backoff(1.0, 8.0)


@dataclass(frozen=True)
class Timing:
    """Times in seconds. The defaults are those of all commands; tests use shorter ones."""

    # A call to a busy server, or a submit to one that is being restarted, is retried for so long.
    retry_seconds: float = 60.0
    submit: Backoff = SUBMIT
    # Between questions about a job, while the server answers each at once.
    poll: Backoff = POLL
    # A server that has answered before may be away for so long.
    outage_seconds: float = 600.0
    # An interrupted download is continued at once, further interruptions after these pauses.
    download: Backoff = DOWNLOAD
    download_retries: int = 5
    # LGI_tail waits so long for the first output of a resource, and for the rest after the job has ended.
    first_output_seconds: float = 15.0
    last_output_seconds: float = 10.0


DEFAULT = Timing()
