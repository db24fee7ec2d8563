"""The addresses a server listens on: all configured ones that can be bound; at least one must be."""

import errno
import logging
import socket
import time

from gunicorn.util import parse_address

from lgi_protocol import comma_lists

log = logging.getLogger("lgi.serve")

# A previous server may still be stopping.
_TRIES, PAUSE_SECONDS = 5, 1.0
# Advice by system error.
_REMEDIES = {
    errno.EADDRINUSE: "another program has this port, or a server that was not stopped; ss -ltnp names it",
    errno.EACCES: "ports below 1024 are for root and for services with CAP_NET_BIND_SERVICE, as"
    " lgi-server.service; or take a port above, as 8443, in listen and url",
    errno.EADDRNOTAVAIL: "this machine has no such address; 0.0.0.0 and [::] stand for all it has",
}


def bindable_addresses(listen: str, pause: float = PAUSE_SECONDS) -> list[str]:
    """Return the addresses of a comma list that can be bound; the others are logged with the reason.

    An address in use is tried again after ``pause`` seconds. Raises OSError, with reasons and advice, when no
    address can be bound. A Unix socket is not tried here.
    """
    if listen.startswith("unix:"):
        return [listen]
    # Kept open until all are tried, since two of them may exclude each other.
    probes: dict[str, socket.socket] = {}
    reasons: dict[str, str] = {}
    for address in comma_lists.split(listen):
        try:
            probes[address] = _bound(address, pause)
        except OSError as error:
            reasons[address] = _reason(error)
    for probe in probes.values():
        probe.close()
    if not probes:
        why = "; ".join(f"cannot listen on {address}: {reason}" for address, reason in reasons.items())
        raise OSError(f"listen = {listen}: {why}")
    for address, reason in reasons.items():
        log.critical("not listening on %s: %s", address, reason)
    return list(probes)


def _bound(address: str, pause: float) -> socket.socket:
    """Return a socket bound to an address, or raise OSError; for one in use after several attempts only."""
    for _ in range(_TRIES - 1):
        try:
            return _bound_once(address)
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise
        time.sleep(pause)
    return _bound_once(address)


def _bound_once(address: str) -> socket.socket:
    host, port = parse_address(address)
    probe = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        probe.bind((host, port))
    except OSError:
        probe.close()
        raise
    return probe


def _reason(error: OSError) -> str:
    remedy = _REMEDIES.get(error.errno or 0, "")
    return f"{error.strerror}{': ' if remedy else ''}{remedy}"
