"""Parsers of values: each returns the value of a text, or raises ValueError with what to write instead."""

import re
from urllib.parse import urlsplit

from lgi_server.config import database as addresses


def yes_or_no(text: str) -> bool:
    """Return a switch."""
    words = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}
    if text.lower() not in words:
        raise ValueError("write true or false")
    return words[text.lower()]


def positive(text: str) -> int:
    """Return a number above 0."""
    if not (text.isascii() and text.isdigit() and int(text) > 0):
        raise ValueError("write a number above 0")
    return int(text)


def seconds(text: str) -> int:
    """Return a time of at most ten minutes."""
    if not (text.isascii() and text.isdigit() and int(text) <= 600):
        raise ValueError("write a number of seconds from 0 to 600")
    return int(text)


def jobs(text: str) -> int:
    """Return a number of jobs in one call."""
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= 1000):
        raise ValueError("write a number of jobs from 1 to 1000")
    return int(text)


def size(text: str) -> int:
    """Return a number of bytes from a number that K, M or G may follow."""
    factor = {"K": 2**10, "M": 2**20, "G": 2**30}.get(text[-1:].upper(), 1)
    try:
        return positive(text[:-1].strip() if factor > 1 else text) * factor
    except ValueError:
        raise ValueError("write a number of bytes above 0, or one with K, M or G behind it") from None


def url(text: str) -> str:
    """Return an https address, without the slash at its end."""
    parts = urlsplit(text)
    if parts.scheme != "https" or not parts.hostname or parts.query or parts.fragment:
        raise ValueError("write an address such as https://lgi.example.org/LGI")
    return text.rstrip("/")


def header(text: str) -> str:
    """Return the name of a header."""
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9-]*", text):
        raise ValueError("write the name of a header, as X-Client-Certificate")
    return text


def listen(text: str) -> str:
    """Return where to listen: ports, or one socket of the file system."""
    if text.startswith("unix:/") and "," not in text:
        return text
    for address in text.split(","):
        host, _, port = address.strip().rpartition(":")
        if not host or not port.isdigit() or not 0 <= int(port) <= 65535:
            raise ValueError(
                "write host:port, as 0.0.0.0:443 or [::]:443, several with commas, or unix:/path/of/a/socket"
            )
    return text


def database(text: str) -> str:
    """Check the address of a database, without connecting to it, and return it."""
    addresses.parse_address(text)
    return text
