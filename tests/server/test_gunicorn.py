"""gunicorn is changed in one place, at the start of a server, and only when its version is known."""

import subprocess
import sys
from types import SimpleNamespace

import pytest

from lgi_server.serving.connection import RECORD
from lgi_server.serving.gunicorn_response import OneRecord

PROGRAM = """
import logging
import gunicorn
from gunicorn.http import wsgi
first = wsgi.Response
from lgi_server.serving import gevent_worker, gunicorn_app, gunicorn_response
assert wsgi.Response is first, "an import has changed gunicorn"
logging.basicConfig()
gunicorn.__version__ = {version!r}
print(gunicorn_response.install(), wsgi.Response is gunicorn_response.OneRecord, wsgi.Response is first)
"""


def installed(version: str) -> tuple[list[str], str]:
    """What `install` answers, which class answers afterwards, and what is logged."""
    command = [sys.executable, "-c", PROGRAM.format(version=version)]
    run = subprocess.run(command, capture_output=True, check=True, text=True)
    return run.stdout.split(), run.stderr


@pytest.mark.parametrize("version", ["22.0.0", "27.0.1"])
def test_a_known_gunicorn_sends_head_and_body_together(version: str) -> None:
    """Nothing is changed by an import, and nothing is said."""
    answer, log = installed(version)

    assert answer == ["True", "True", "False"]
    assert not log


@pytest.mark.parametrize("version", ["21.2.0", "28.0.0", "dev"])
def test_an_unknown_gunicorn_keeps_its_own_answers(version: str) -> None:
    """They are right as well; the log says which versions are known."""
    answer, log = installed(version)

    assert answer == ["False", "False", "True"]
    assert f"gunicorn {version} is not one of the versions 22 to 27" in log


class Sent(list[bytes]):
    """The pieces that a connection is given to send."""

    sendall = list.append


def test_a_large_body_is_sent_without_a_copy_of_it() -> None:
    """It stays in memory as long as its client takes to read it, once for each client that stops reading."""
    body, sent = bytes(range(250)) * 1000, Sent()
    request = SimpleNamespace(version=(1, 1), method="GET", should_close=lambda: False)
    answer = OneRecord(request, sent, SimpleNamespace())
    answer.start_response("200 OK", [("Content-Length", str(len(body)))])

    answer.write(body)
    answer.close()

    first, rest = sent
    assert len(first) == RECORD
    assert isinstance(rest, memoryview)
    assert rest.obj is body
    assert (first + rest).partition(b"\r\n\r\n")[2] == body
