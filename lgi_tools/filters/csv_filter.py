"""LGI_csv: the values of a comma list."""

from collections.abc import Iterator, Sequence

from lgi_tools.filters import streams
from lgi_tools.filters.streams import BLANKS, InputError, Streams, UsageError, argument

NAME = "LGI_csv"
USAGE = """\
Usage: LGI_csv [options] [list...]

Prints the values of a list, one per line. The list is the words of the command
line, joined without blanks, or without words the input.

  -s CHAR  separator of the values (default: comma)
  -n       print the number of values
  -l       print the values, as by default
  -e N     print value N; the first one is 1
  -nl      -n and -l together
  -nle N   -n, -l and -e together
  -i FILE  read this file (default: standard input)
  -o FILE  write this file (default: standard output)
  -h       show this help

Example: LGI_csv -e 1 -i LGI_owners
"""
_MODES = {"-n": "n", "-l": "l", "-e": "e", "-nl": "nl", "-nle": "nle"}


def work(arguments: Sequence[str], given: Streams) -> int:
    """Print the requested part of a list. Returns the exit code."""
    separator, modes, number, text = b",", "", 0, b""
    following = iter(arguments)
    for word in following:
        if word in {"-h", "--help"}:
            raise UsageError
        if word == "-s":
            separator = _bytes(argument(word, following))[:1]
        elif word in _MODES:
            modes += _MODES[word]
            number = _number(word, following) if "e" in word else number
        elif not given.takes(word, following):
            text += _bytes(word)
    values = split(text or given.read(), separator)
    lines = [str(len(values)).encode()] if "n" in modes else []
    lines += values if "l" in modes or not modes else []
    lines += values[number - 1 : number] if "e" in modes else []
    given.write(b"".join(line + b"\n" for line in lines))
    return 0


def _bytes(word: str) -> bytes:
    return word.encode("utf-8", "surrogateescape")


def _number(option: str, following: Iterator[str]) -> int:
    text = argument(option, following)
    if not (text.isascii() and text.isdigit() and len(text) < 10 and int(text)):
        raise InputError(f"{option} needs a number above 0, not {text!r}")
    return int(text)


def split(text: bytes, separator: bytes) -> list[bytes]:
    """Return the trimmed values. As LGI: the last value replaces an empty one."""
    values = [value.strip(BLANKS) for value in text.split(separator)]
    at = 0
    while at < len(values):
        if values[at]:
            at += 1
        else:
            last = values.pop()
            if at < len(values):
                values[at] = last
    return values


def main(arguments: Sequence[str] | None = None) -> int:
    """Run LGI_csv and return its exit code."""
    return streams.run(NAME, USAGE, work, arguments)
