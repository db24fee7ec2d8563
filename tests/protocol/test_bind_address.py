"""Where a server listens by default."""

import pytest

from lgi_protocol.bind_address import bind_address


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("localhost", "127.0.0.1"),
        ("grid.localhost", "127.0.0.1"),
        ("127.0.0.1", "127.0.0.1"),
        ("127.1.2.3", "127.1.2.3"),
        ("::1", "::1"),
        ("lgi.example.org", "0.0.0.0"),  # noqa: S104 - only compared
        ("192.0.2.1", "0.0.0.0"),  # noqa: S104 - only compared
        ("2001:db8::1", "::"),
    ],
)
def test_a_server_for_this_machine_only_listens_on_this_machine_only(host: str, address: str) -> None:
    """Other machines cannot reach the name localhost; any other name is reachable for them."""
    assert bind_address(host) == address
