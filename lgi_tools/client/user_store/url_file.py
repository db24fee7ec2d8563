"""The file of a job with the URLs of its files in a store. They are secrets: no message has one."""

import json
from collections.abc import Iterable
from dataclasses import asdict
from urllib.parse import urlsplit

from lgi_protocol import s3_settings
from lgi_protocol.value_object import value_object
from lgi_tools.client.command_line import LONGEST_NAME, RESERVED
from lgi_tools.client.stored_file import STREAMS

NAME = "store_urls.json"
# A resource that fetches from stores puts it into the directory of the job.
MARK = ".LGI_user_store"
# Inputs of one job, bytes of a URL, and of the file.
MOST, LONGEST_URL, LONGEST = 1000, 4096, 8 * 2**20


@value_object
class StoreInput:
    """A file of the user: its size in bytes, its SHA-256 in hexadecimal, and the URL that fetches it."""

    name: str
    size: int
    sha256: str
    url: str

    def __post_init__(self) -> None:
        """Raise ValueError for what is no input."""
        taken = self.name in {"", ".", "..", NAME, *STREAMS} or self.name.startswith(RESERVED)
        if taken or "/" in self.name or "\0" in self.name or len(self.name.encode()) > LONGEST_NAME:
            raise ValueError(f"an input has a name that is not allowed: {self.name[:60]!r}")
        is_digest = len(self.sha256) == 64 and not set(self.sha256) - set("0123456789abcdef")
        if not isinstance(self.size, int) or self.size < 0 or not is_digest:
            raise ValueError(f"the size or digest of {self.name!r} is not valid")


@value_object
class StoreUrls:
    """The inputs of a job, and the URL that stores its results."""

    inputs: tuple[StoreInput, ...]
    results: str

    def write(self) -> str:
        """Return the text of the file."""
        return json.dumps(asdict(self))


def read(text: bytes) -> StoreUrls:
    """Return what a file has. Raises ValueError."""
    try:
        found = json.loads(text)
        inputs = tuple(
            StoreInput(str(one["name"]), one["size"], str(one["sha256"]), str(one["url"]))
            for one in found["inputs"]
        )
        results = str(found["results"])
    except (TypeError, KeyError, UnicodeError, RecursionError, json.JSONDecodeError):
        raise ValueError(f"{NAME} is not valid") from None
    if len(inputs) > MOST or len({one.name for one in inputs}) < len(inputs):
        raise ValueError(f"{NAME} has too many inputs, or one twice")
    return StoreUrls(inputs, results)


def split(url: str, servers: Iterable[str]) -> tuple[str, str]:
    """Return the server of a URL, which is one of ``servers``, and path and query. Raises ValueError."""
    if len(url) > LONGEST_URL or not url.isascii() or not url.isprintable() or set(url) & set(' \\#"<>'):
        raise ValueError("a URL is not valid")
    parts = urlsplit(url)
    server = f"{parts.scheme}://{parts.netloc}"
    if server not in servers:
        raise ValueError("the owner of this resource does not allow the object store of the job")
    return s3_settings.store_url(server), f"{parts.path}?{parts.query}"
