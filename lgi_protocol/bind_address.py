"""The address a server listens on, as the name by which its clients call it has it."""

import ipaddress


def bind_address(host: str) -> str:
    """Return where a server called ``host`` listens: on every address, but as localhost on that alone.

    A name or an IPv4 address gives an address of IPv4, an IPv6 address one of IPv6, without brackets.
    """
    if host == "localhost" or host.endswith(".localhost"):
        return "127.0.0.1"
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return "0.0.0.0"  # noqa: S104 - what others call by name they reach from outside
    if address.is_loopback:
        return str(address)
    return "::" if address.version == 6 else "0.0.0.0"  # noqa: S104 - as above
