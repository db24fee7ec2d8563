"""A held call that another thread ends, over real TLS."""

import threading
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from lgi_protocol.client import Client
from lgi_protocol.credentials import Credentials
from lgi_protocol.deadline import CallEnd, ending
from lgi_protocol.errors import TransportError
from lgi_tools.certificates.ca import Authority
from tests.support.tls_server import listening


def test_a_call_that_waits_is_ended_at_once_and_not_repeated(tmp_path: Path) -> None:
    """The next call gets its answer on a new connection; one that was ended before it began is not made."""
    authority = Authority.create(tmp_path / "ca")
    issued = authority.issue_user("mark")
    credentials = Credentials(issued.key, issued.certificate, authority.ca_file)
    asked, released = threading.Event(), threading.Event()

    def hold(_request: BaseHTTPRequestHandler) -> None:
        asked.set()
        released.wait(60)

    failures: list[str] = []

    def call(call_end: CallEnd) -> None:
        with ending(call_end), pytest.raises(TransportError) as raised:
            client.post("resources/resource_exchange", {"project": "LGI"})
        failures.append(raised.value.reason)

    with listening(authority.issue_server("localhost"), authority.ca_file, hold) as server:
        client = Client(server.url(), credentials, resends=True)
        call_end = CallEnd()
        thread = threading.Thread(target=call, args=(call_end,))
        thread.start()
        assert asked.wait(60)

        call_end.end()
        thread.join(30)

        is_alive = thread.is_alive()
        released.set()
        made = server.handshakes
        call(call_end)
        client.close()
    assert not is_alive
    assert made == 1
    assert failures == ["the call was ended by its caller"] * 2
