"""The answers of a repository: bodies of bounded size, in which the server gives status and reason."""

import logging
from typing import TYPE_CHECKING

from lgi_protocol import xml
from lgi_protocol.client import ANSWER_SECONDS, MAX_ANSWER
from lgi_protocol.deadline import deadline
from lgi_protocol.reply import read_text
from lgi_tools.client.text import one_line
from lgi_tools.client.transfer_error import TransferError

if TYPE_CHECKING:
    import requests

_log = logging.getLogger(__name__)
# Characters logged of an answer that is not LGI's.
_EXCERPT = 4096


def find(text: str, name: str) -> xml.XmlElement | None:
    """Return an element of a body; log a body that has none."""
    try:
        found = xml.find(text, name)
    except ValueError:
        found = None
    if found is None:
        _log.info("the server answered: %s", one_line(text[:_EXCERPT]))
    return found


def body_text(answer: "requests.Response") -> str:
    """Return the body of an answer. Raises TransferError for an incomplete one."""
    try:
        with deadline(ANSWER_SECONDS):
            return read_text(answer, MAX_ANSWER)
    except ValueError as error:
        raise TransferError(str(error)) from None


def refusal(answer: "requests.Response") -> str:
    """Return the reason of a refusal: the server's own text, or that of the HTTP status."""
    status = find(body_text(answer), "status")
    said = xml.value(status.inside, "message") if status else ""
    return said or f"the server answered {status_line(answer)}"


def status_line(answer: "requests.Response") -> str:
    """Return the HTTP status of an answer with its reason."""
    return f"HTTP {answer.status_code} {answer.reason}".strip()
