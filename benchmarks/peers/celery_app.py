"""The Celery application that client and workers load. `PEER_REDIS` is the socket of the Redis server."""

import os

from celery import Celery

from benchmarks.peers.system import shell

_ADDRESS = f"redis+socket://{os.environ['PEER_REDIS']}"

app = Celery("peers", broker=_ADDRESS, backend=_ADDRESS)
app.conf.broker_connection_retry_on_startup = True


@app.task  # type: ignore[untyped-decorator]
def job(command: str) -> str:
    """Run a command and return its output."""
    return shell(command).decode()
