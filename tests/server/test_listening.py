"""Addresses a server listens on: one or several, IPv4 or IPv6."""

import logging
import socket
import subprocess

import pytest

from lgi_server.serving import bind_addresses
from tests.support.capabilities import without_capability
from tests.support.grid import BIN, Grid, free_port, wait_for

# For documentation only: no machine has it.
ELSEWHERE = "192.0.2.1"


@pytest.mark.slow
def test_a_server_listens_where_it_can_and_says_where_it_cannot() -> None:
    """Two of three addresses: it is up, and the log names the third with its reason."""
    grid = Grid()
    second = free_port()
    addresses = f"{ELSEWHERE}:{second}, 127.0.0.1:{grid.port}, 127.0.0.2:{second}"
    grid.change_settings({"listen": addresses})
    try:
        grid.start()

        # Both are made one after the other.
        wait_for(lambda: accepts("127.0.0.2", second))
        assert grid.resource("laptop@test").sign_up().session_id
        told = f"not listening on {ELSEWHERE}:{second}: Cannot assign requested address"
        assert told in grid.log.read_text()
    finally:
        grid.remove()


def accepts(host: str, port: int) -> bool:
    """Whether something listens there."""
    with socket.socket() as probe:
        return probe.connect_ex((host, port)) == 0


def test_an_address_that_somebody_has_is_waited_for_and_then_named(caplog: pytest.LogCaptureFixture) -> None:
    """The server that ran before may be ending; one of another program stays."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"

        assert bind_addresses.bindable_addresses(f"{address}, 127.0.0.1:0", 0.0) == ["127.0.0.1:0"]
        with pytest.raises(OSError, match=f"cannot listen on {address}: Address already in use"):
            bind_addresses.bindable_addresses(f"{address}, {address}", 0.0)

    assert f"not listening on {address}: Address already in use" in caplog.text


@pytest.mark.skipif(not socket.has_ipv6, reason="this machine has no IPv6")
def test_ipv4_and_ipv6_are_addresses_alike(caplog: pytest.LogCaptureFixture) -> None:
    """An address of IPv6 is written in brackets, as in URLs."""
    caplog.set_level(logging.CRITICAL)
    found = bind_addresses.bindable_addresses("127.0.0.1:0, [::1]:0")

    assert found == ["127.0.0.1:0", "[::1]:0"] or "not listening on [::1]:0" in caplog.text


def test_a_socket_of_the_file_system_is_left_to_whoever_binds_it() -> None:
    """It is made with the right of a group, and the former one removed."""
    assert bind_addresses.bindable_addresses("unix:/run/LGI.sock") == ["unix:/run/LGI.sock"]


def test_a_single_address_that_is_taken_is_told_with_a_remedy() -> None:
    """So that an administrator need not know the numbers of errors."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(
            OSError, match="Address already in use: another program has this port, or a server"
        ):
            bind_addresses.bindable_addresses(address, 0.0)
    with pytest.raises(OSError, match="Cannot assign requested address: this machine has no such address"):
        bind_addresses.bindable_addresses(f"{ELSEWHERE}:1")


def test_a_port_that_needs_rights_is_told_with_a_remedy() -> None:
    """Port 443 without root, or as root without the capability: LGI_server ends with one line."""
    grid = Grid()
    grid.change_settings({"listen": "127.0.0.1:443"})
    command = [*without_capability("net_bind_service"), BIN / "LGI_server", grid.config_file]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    finally:
        grid.remove()

    assert done.returncode == 1
    message = (
        "LGI_server: listen = 127.0.0.1:443: cannot listen on 127.0.0.1:443: Permission denied: ports below"
    )
    assert done.stderr.splitlines()[-1].startswith(message)
    assert "Traceback" not in done.stderr
