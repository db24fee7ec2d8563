"""Answers of a project server, parsed by a client."""

import re
from typing import TYPE_CHECKING

from lgi_protocol import xml
from lgi_protocol.errors import BACK_OFF_SECONDS, ServerError
from lgi_protocol.value_object import value_object

if TYPE_CHECKING:
    import requests

# The longest time in seconds that a server can make a client wait.
LONGEST_BACK_OFF = 3600
_BLOCK = 256 * 1024


@value_object
class Reply:
    """The content of ``<response>`` as the server wrote it; ``envelope``: the content of ``<LGI>``."""

    content: str
    max_field_size: int = xml.MAX_FIELD_SIZE
    envelope: str = ""

    def value(self, *path: str) -> str:
        """Return the text of an element of the response; empty when it is absent."""
        return xml.value(self.content, *path)

    def number(self, *path: str) -> int:
        """Return the leading digits of an element's text as a number; 0 without any."""
        return leading_number(self.value(*path))

    def all(self, name: str) -> list[str]:
        """Return the raw contents of all elements of a name."""
        return [found.inside for found in xml.find_all(self.content, name)]


def leading_number(text: str) -> int:
    """Parse a count as C's atoi: ``1350000000.1234`` is 1350000000, ``7th`` 7, ``x`` and ``-3`` 0."""
    if text.isascii() and text.isdigit() and len(text) < 20:
        # Nearly always, and in a list of jobs thousands of times.
        return int(text)
    # Python refuses to convert more than 4300 digits, and a server may send any number of them.
    digits = re.match(r"\s*\+?([0-9]{1,4000})", text)
    return int(digits[1]) if digits else 0


def signed_number(text: str) -> int:
    """Parse a short number that may be negative; 0 for any other text."""
    return int(text) if re.fullmatch(r"\s*[+-]?[0-9]{1,9}\s*", text) else 0


def read_answer(text: str) -> Reply:
    """Parse an LGI answer; raise ServerError for an LGI error, ValueError when it is not LGI's."""
    whole = xml.find(text, "LGI")
    response = xml.find(text, "LGI", "response")
    if whole is None or response is None:
        raise ValueError("the answer is not an LGI document")
    # A list of jobs is not searched for it: it has thousands of elements.
    error = xml.find(response.inside, "error") if "<error" in response.inside else None
    if error is not None and error.inside.strip():
        asked = leading_number(xml.value(error.inside, "timeout")) or BACK_OFF_SECONDS
        timeout = min(asked, LONGEST_BACK_OFF)
        number = leading_number(xml.value(error.inside, "number"))
        raise ServerError(number, xml.value(error.inside, "message"), timeout, whole.inside)
    size = leading_number(xml.value(whole.inside, "server_max_field_size"))
    return Reply(response.inside, size or xml.MAX_FIELD_SIZE, whole.inside)


def read_text(answer: "requests.Response", limit: int) -> str:
    """Return the body of a streamed answer as UTF-8, whatever its headers say.

    It is never decompressed, since a small body can expand without bound. Raise ValueError when it is longer
    than ``limit`` bytes.
    """
    body = bytearray()
    for block in answer.raw.stream(_BLOCK, decode_content=False):
        body += block
        if len(body) > limit:
            raise ValueError(f"the answer is longer than {limit} bytes")
    return body.decode("utf-8", "replace")
