"""Parsers of values: each returns the value of a text, or raises ValueError with what to write instead."""

import re
from urllib.parse import urlsplit

from lgi_protocol import whole_number
from lgi_server.config import database as addresses

_MOST = 10**9
# What a group sees of its members' jobs.
NONE, READ = "none", "read"


def yes_or_no(text: str) -> bool:
    """Return a switch."""
    words = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}
    if text.lower() not in words:
        raise ValueError("write true or false")
    return words[text.lower()]


def positive(text: str) -> int:
    """Return a number above 0, of things or seconds."""
    number = whole_number.read(text, 1, _MOST)
    if number is None:
        raise ValueError(f"write a number from 1 to {_MOST}")
    return number


def days(text: str) -> int:
    """Return a time of at most a hundred years."""
    number = whole_number.read(text, 1, 36500)
    if number is None:
        raise ValueError("write a number of days from 1 to 36500")
    return number


def seconds(text: str) -> int:
    """Return a time of at most ten minutes."""
    number = whole_number.read(text, 0, 600)
    if number is None:
        raise ValueError("write a number of seconds from 0 to 600")
    return number


def age(text: str) -> int:
    """Return a time in seconds, from an hour to a hundred years, or 0 for one without an end."""
    factor = {"h": 3600, "d": 86400}.get(text[-1:], 1)
    number = whole_number.read(text[:-1].strip() if factor > 1 else text, 0, 36500 * 86400)
    if number is None or (number and not 3600 <= number * factor <= 36500 * 86400):
        raise ValueError("write at least an hour, as 30d, 12h or a number of seconds, or 0 for no end")
    return number * factor


def job_limit(text: str) -> int:
    """Return a limit of a number of jobs, 0 for none."""
    number = whole_number.read(text, 0, _MOST)
    if number is None:
        raise ValueError(f"write a number of jobs from 1 to {_MOST}, or 0 for no limit")
    return number


def visibility(text: str) -> str:
    """Return what a group sees of the jobs of its members."""
    if text not in {NONE, READ}:
        raise ValueError(f"write {NONE} or {READ}")
    return text


def jobs(text: str) -> int:
    """Return a number of jobs in one call."""
    number = whole_number.read(text, 1, 1000)
    if number is None:
        raise ValueError("write a number of jobs from 1 to 1000")
    return number


def size(text: str) -> int:
    """Return a number of bytes from a number that K, M or G may follow."""
    factor = {"K": 2**10, "M": 2**20, "G": 2**30}.get(text[-1:].upper(), 1)
    number = whole_number.read(text[:-1].strip() if factor > 1 else text, 1)
    if number is None:
        raise ValueError("write a number of bytes above 0, or one with K, M or G behind it")
    return number * factor


def url(text: str) -> str:
    """Return an https address, without the slash at its end."""
    parts = urlsplit(text)
    if parts.scheme != "https" or not parts.hostname or parts.query or parts.fragment:
        raise ValueError("write an address such as https://lgi.example.org/LGI")
    if not text.isprintable() or " " in text:
        raise ValueError("write an address without blanks, such as https://lgi.example.org/LGI")
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
        if not host or whole_number.read(port, 0, 65535) is None:
            raise ValueError(
                "write host:port, as 0.0.0.0:443 or [::]:443, several with commas, or unix:/path/of/a/socket"
            )
    return text


def database(text: str) -> str:
    """Check the address of a database, without connecting to it, and return it."""
    addresses.parse_address(text)
    return text
