"""Checks of the addresses of a server: whether it listens, answers under its URL, and has the right time."""

import socket
import time
from collections.abc import Iterator, Sequence
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

import requests

from lgi_protocol import comma_lists
from lgi_protocol.client import Client
from lgi_protocol.errors import LGIError
from lgi_server.cli import front_ends
from lgi_server.cli.setup import units
from lgi_server.cli.setup.check.finding import Finding, error
from lgi_server.config.model import Config
from lgi_server.services.project import peers
from lgi_server.serving import bind_addresses

SECONDS = 10
# Clocks that differ by more make certificates invalid, and running jobs look lost.
CLOCK_SECONDS = 60
_EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - what a server listens on


def check(config: Config) -> Iterator[Finding]:
    """Yield what is wrong with the addresses of a configuration."""
    silent = [address for address in _addresses(config) if not _is_open(address)]
    for address in silent:
        yield _silence(config, address)
    if not silent:
        yield from _answer(config)


def _addresses(config: Config) -> Sequence[str]:
    return [config.listen] if config.listen.startswith("unix:") else comma_lists.split(config.listen)


def _is_open(address: str) -> bool:
    """Return whether something accepts connections at an address to listen on."""
    try:
        if address.startswith("unix:"):
            with socket.socket(socket.AF_UNIX) as probe:
                probe.settimeout(SECONDS)
                probe.connect(address.removeprefix("unix:"))
        else:
            host, _, port = address.rpartition(":")
            host = host.strip("[]")
            socket.create_connection((_EVERYWHERE.get(host, host), int(port)), SECONDS).close()
    except OSError:
        return False
    return True


def _silence(config: Config, address: str) -> Finding:
    """Return why nothing answers there: no server runs, or none could listen there."""
    try:
        bind_addresses.bindable_addresses(address, pause=0.0)
    except OSError as why:
        return error(
            f"no server can listen on {address}",
            str(why).partition(f"cannot listen on {address}: ")[2] or str(why),
        )
    unit = f"systemctl status {units.UNIT}, or " if units.is_installed() else ""
    return error(
        f"no server listens on {address}",
        f"start it, or see why it has ended: {unit}LGI_server {config.path}",
    )


def _answer(config: Config) -> Iterator[Finding]:
    """Check what clients get under the URL of the configuration."""
    address = config.ca_certificate_url
    host = urlsplit(config.url).hostname
    try:
        session = Client(config.url, peers.credentials(config)).session
        answer = session.get(address, timeout=SECONDS)
    except (LGIError, requests.RequestException, OSError) as why:
        yield error(
            f"{config.url} does not answer here: {why}",
            f"does {host} lead to this machine (/etc/hosts, DNS), and do url and listen have one port?",
        )
        return
    if answer.status_code != requests.codes.ok:
        yield error(
            f"{address} answers {answer.status_code}",
            "another web server has this address, or the path of url is not the one it passes on",
        )
        return
    yield from _other_server(config)
    yield from _clock(config, answer)


def _other_server(config: Config) -> Iterator[Finding]:
    """Check that a server uses this database, since one answers: that of the original of a copy does not."""
    try:
        known = front_ends.known(config)
    except (LGIError, OSError, ValueError):
        # The check of the databases reports it.
        return
    if not any(one.is_up for one in known):
        silence = min((one.silence for one in known), default=0)
        since = f"for {silence // 60} minutes" if known else "yet"
        yield error(
            f"another server answers at {config.url}: none has used the database of {config.path} {since}",
            "stop that one, and start this one; or give this one another url and listen",
        )


def _clock(config: Config, answer: requests.Response) -> Iterator[Finding]:
    """Compare the clock of this machine with that of the server that answers."""
    try:
        difference = parsedate_to_datetime(answer.headers["Date"]).timestamp() - time.time()
    except (KeyError, ValueError):
        return
    if abs(difference) > CLOCK_SECONDS:
        yield error(
            f"the clock of {config.url} differs from this machine's by {difference:.0f} s", "run NTP on both"
        )
