"""Notifications of jobs: of which events, to which mail addresses, and how a webhook's body is signed."""

import hashlib
import hmac
import re

# A job has started, has ended in any way, or has failed. Of an array: its first element has started, all have
# ended, all have ended and some have failed.
START, END, FAIL = "start", "end", "fail"
EVENTS = (START, END, FAIL)
# Bytes of an address.
MOST_MAIL, MOST_URL = 254, 1000
# The headers of a webhook's request: the time in seconds since 1970, and the signature.
TIME_HEADER, SIGNATURE_HEADER = "LGI-Time", "LGI-Signature"
# No quotes, comments, blanks, commas or control characters: an address is one recipient, and nothing else.
_LOCAL = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*"
_DOMAIN = r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*"
_ADDRESS = re.compile(rf"{_LOCAL}@{_DOMAIN}", re.ASCII)


def read_events(text: str) -> tuple[str, ...]:
    """Return the events in a comma list, in the order of `EVENTS`. Raises ValueError."""
    words = {part.strip() for part in text.split(",")} - {""}
    if unknown := words.difference(EVENTS):
        raise ValueError(f"{min(unknown)[:20]!r} is no event of a job: give some of {', '.join(EVENTS)}")
    return tuple(event for event in EVENTS if event in words)


def is_mail(text: str) -> bool:
    """Return whether a text is a plain mail address.

    One with ``=?`` may be an encoded word (RFC 2047), which the header of a mail decodes: to another address,
    or to several.
    """
    return len(text) <= MOST_MAIL and "=?" not in text and bool(_ADDRESS.fullmatch(text))


def check_mail(text: str) -> str:
    """Return a mail address, its domain in lower case. Raises ValueError."""
    if not is_mail(text):
        raise ValueError(f"{text[:60]!r} is not a mail address as mark@example.org")
    local, _, domain = text.rpartition("@")
    return f"{local}@{domain.lower()}"


def is_domain(text: str) -> bool:
    """Return whether a text is the domain of a mail address."""
    return len(text) <= MOST_MAIL and bool(re.fullmatch(_DOMAIN, text, re.ASCII))


def signature(key: str, time: int, body: bytes) -> str:
    """Return the signature of a webhook's body, HMAC-SHA256 in hexadecimal digits of "TIME." and the body."""
    return hmac.new(key.encode(), f"{time}.".encode() + body, hashlib.sha256).hexdigest()
