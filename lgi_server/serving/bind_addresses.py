"""Where a server listens: on every address that can be had, as long as one of them can."""

import errno
import logging
import socket
import time

from gunicorn.util import parse_address

from lgi_protocol import comma_lists

log = logging.getLogger("lgi.serve")

# The server that ran before may still be ending.
_TRIES, PAUSE_SECONDS = 5, 1.0


def bindable_addresses(listen: str, pause: float = PAUSE_SECONDS) -> list[str]:
    """Return the addresses of a comma list that can be bound; the others are logged with the reason.

    A single one is not tried, since who binds it will say what is wrong. An address
    in use is tried again after ``pause`` seconds. OSError when there is none.
    """
    addresses = comma_lists.split(listen)
    if len(addresses) < 2:
        return [listen]
    # Kept until all are tried: two of them may exclude each other.
    probes = {address: _bound(address, pause) for address in addresses}
    found = [address for address, probe in probes.items() if probe]
    for probe in probes.values():
        if probe:
            probe.close()
    if not found:
        raise OSError(f"listen = {listen}: none of these addresses can be listened on")
    return found


def _bound(address: str, pause: float) -> socket.socket | None:
    host, port = parse_address(address)
    for left in reversed(range(_TRIES)):
        probe = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
            return probe
        except OSError as error:
            probe.close()
            if error.errno != errno.EADDRINUSE or not left:
                log.critical("not listening on %s: %s", address, error.strerror)
                return None
        time.sleep(pause)
    return None
