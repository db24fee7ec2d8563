"""LGI_xml: print the content of an element of a text."""

from collections.abc import Sequence

from lgi_protocol.xml_reader import XmlElement, elements, unescape
from lgi_tools.filters import streams
from lgi_tools.filters.streams import InputError, Streams, UsageError

NAME = "LGI_xml"
USAGE = """\
Usage: LGI_xml [options] tag [attribute...]

Prints the content of the first element with this tag at the top level of the
input, or of the first one with exactly the given attributes. The exit code is
0 if there is such an element and it is not empty.

  -i FILE  read this file (default: standard input)
  -o FILE  write this file (default: standard output)
  -h       show this help

Example: LGI_xml -i LGI_job_specifics cpus
"""
_BLANKS = streams.BLANKS.decode("ascii")


def work(arguments: Sequence[str], given: Streams) -> int:
    """Print the content of an element. Returns the exit code."""
    words = []
    following = iter(arguments)
    for word in following:
        if word in {"-h", "--help"}:
            raise UsageError
        if not given.takes(word, following):
            words.append(word)
    if not words:
        raise InputError("no tag to look for ('LGI_xml -h' shows how it is used)")
    # Every byte is a character of Latin-1, so that what is no UTF-8 comes through unchanged.
    tag, *attributes = (word.encode("utf-8", "surrogateescape").decode("latin-1") for word in words)
    try:
        found = find(given.read().decode("latin-1"), tag, ",".join(attributes))
    except ValueError as error:
        raise InputError(str(error)) from None
    # Not XmlElement.text: str.strip would take bytes of UTF-8 for blanks of Latin-1.
    content = unescape(found.inside.strip(_BLANKS)).strip(_BLANKS).encode("latin-1") if found else b""
    if not content:
        return 1
    given.write(content + b"\n")
    return 0


def find(text: str, tag: str, attributes: str) -> XmlElement | None:
    """Return the first element of a name, with these attributes if any are given."""
    for found in elements(text):
        if found.name == tag and attributes in ("", found.attributes.strip(_BLANKS)):
            return found
    return None


def main(arguments: Sequence[str] | None = None) -> int:
    """Run LGI_xml and return its exit code: 0 only when the element exists."""
    return streams.run(NAME, USAGE, work, arguments)
