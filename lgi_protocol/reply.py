"""What a project server has answered, as a client reads it."""

import re
from dataclasses import dataclass

import requests

from lgi_protocol import xml
from lgi_protocol.errors import BACK_OFF_SECONDS, ServerError

# What a server may ask a client to wait.
LONGEST_BACK_OFF = 3600
_BLOCK = 256 * 1024


@dataclass(frozen=True)
class Reply:
    """What stands inside ``<response>``, exactly as the server wrote it."""

    content: str
    max_field_size: int = xml.MAX_FIELD_SIZE
    envelope: str = ""

    def value(self, *path: str) -> str:
        """The text of an element of the response, empty when it is not there."""
        return xml.value(self.content, *path)

    def number(self, *path: str) -> int:
        """The leading digits of an element's text, 0 when there are none."""
        return leading_number(self.value(*path))

    def all(self, name: str) -> list[str]:
        """What stands in each element of a name, as written."""
        return [found.inside for found in xml.find_all(self.content, name)]


def leading_number(text: str) -> int:
    """As C's atoi reads a count: ``1350000000.1234`` is 1350000000, ``7th`` is 7, ``x`` and ``-3`` are 0."""
    # Python refuses to convert more than 4300 digits, and how many there are is the server's choice.
    digits = re.match(r"\s*\+?([0-9]{1,4000})", text)
    return int(digits[1]) if digits else 0


def read_answer(text: str) -> Reply:
    """The response of an LGI answer. Raises ServerError for an LGI error, ValueError when it is no answer."""
    whole = xml.find(text, "LGI")
    response = xml.find(text, "LGI", "response")
    if whole is None or response is None:
        raise ValueError("the answer is not an LGI document")
    error = xml.find(response.inside, "error")
    if error is not None and error.inside.strip():
        asked = leading_number(xml.value(error.inside, "timeout")) or BACK_OFF_SECONDS
        timeout = min(asked, LONGEST_BACK_OFF)
        number = leading_number(xml.value(error.inside, "number"))
        raise ServerError(number, xml.value(error.inside, "message"), timeout, whole.inside)
    size = leading_number(xml.value(whole.inside, "server_max_field_size"))
    return Reply(response.inside, size or xml.MAX_FIELD_SIZE, whole.inside)


def read_text(answer: requests.Response, limit: int) -> str:
    """The body of a streamed answer as it was sent: never unpacked, since a small one can unpack to anything.

    ValueError when it is longer than the limit. LGI's texts are UTF-8 whatever the header says.
    """
    body = bytearray()
    for block in answer.raw.stream(_BLOCK, decode_content=False):
        body += block
        if len(body) > limit:
            raise ValueError(f"the answer is longer than {limit} bytes")
    return body.decode("utf-8", "replace")
