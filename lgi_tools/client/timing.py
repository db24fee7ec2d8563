"""How long the tools wait for a server: pauses between attempts, and when they give up."""

from lgi_protocol.backoff import Backoff
from lgi_protocol.value_object import value_object

SUBMIT = Backoff(0.5, 8.0)
POLL = Backoff(0.2, 5.0, 1.5)
DOWNLOAD = Backoff(1.0, 8.0)


@value_object
class Timing:
    """Times in seconds. The defaults are those of all commands; tests use shorter ones."""

    # How long a call to a busy server, or a submit to one that is being restarted, is retried.
    retry_seconds: float = 60.0
    submit: Backoff = SUBMIT
    # The pauses between polls of a job, when the server does not hold the calls.
    poll: Backoff = POLL
    # How long a server that has answered before may be unreachable.
    outage_seconds: float = 600.0
    # The pauses before an interrupted download continues; after the first interruption there is none.
    download: Backoff = DOWNLOAD
    download_retries: int = 5
    # How long LGI_tail waits for the first output of a resource, and for the rest after the end of the job.
    first_output_seconds: float = 15.0
    last_output_seconds: float = 10.0


DEFAULT = Timing()
