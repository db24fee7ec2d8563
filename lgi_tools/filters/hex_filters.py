"""LGI_hash, LGI_binhex and LGI_hexbin: the digest of a text, and bytes as hexadecimal digits and back."""

from collections.abc import Sequence

from lgi_protocol import hexcode
from lgi_protocol.digest import digest
from lgi_tools.filters import streams
from lgi_tools.filters.streams import BLANKS, InputError, Streams, UsageError, Work

USAGE = """\
Usage: {name} [options]

{does}

  -i FILE  read this file (default: standard input)
  -o FILE  write this file (default: standard output)

Example: {example}
"""
_DIGITS = b"0123456789abcdefABCDEF"


def hash_input(arguments: Sequence[str], given: Streams) -> int:
    """Print the digest of the input, 32 digits and a line end. As LGI: only a line end for no input."""
    _options(arguments, given)
    data = given.read()
    given.write((digest(data) if data else "").encode() + b"\n")
    return 0


def to_digits(arguments: Sequence[str], given: Streams) -> int:
    """Print the input as upper-case hexadecimal digits, without a line end."""
    _options(arguments, given)
    for block in given.blocks():
        given.write(hexcode.encode(block).encode())
    return 0


def to_bytes(arguments: Sequence[str], given: Streams) -> int:
    """Print the bytes of hexadecimal digits. White space is skipped; other characters are an error."""
    _options(arguments, given)
    left = b""
    for block in given.blocks():
        digits = left + block.translate(None, BLANKS)
        good = len(digits) - len(digits.lstrip(_DIGITS))
        even = good - good % 2
        given.write(bytes.fromhex(digits[:even].decode("ascii")))
        if good < len(digits):
            raise InputError(f"{digits[good : good + 1]!r} is no hexadecimal digit")
        left = digits[even:]
    if left:
        raise InputError("the last hexadecimal digit has no other half")
    return 0


def _options(arguments: Sequence[str], given: Streams) -> None:
    following = iter(arguments)
    for word in following:
        if not given.takes(word, following):
            # As LGI: anything but -i and -o shows the help and fails, also -h.
            raise UsageError(1)


def _run(name: str, does: str, example: str, work: Work, arguments: Sequence[str] | None) -> int:
    return streams.run(name, USAGE.format(name=name, does=does, example=example), work, arguments)


def hash_main(arguments: Sequence[str] | None = None) -> int:
    """Run LGI_hash and return its exit code."""
    does = "Prints LGI's digest of the input, as in the .hash files of a job's directory."
    return _run("LGI_hash", does, "LGI_hash -i LGI_input", hash_input, arguments)


def binhex_main(arguments: Sequence[str] | None = None) -> int:
    """Run LGI_binhex and return its exit code."""
    does = "Prints the input as hexadecimal digits."
    return _run("LGI_binhex", does, "LGI_binhex -i data.csv -o data.hex", to_digits, arguments)


def hexbin_main(arguments: Sequence[str] | None = None) -> int:
    """Run LGI_hexbin and return its exit code: 0 only when all input was hexadecimal."""
    does = "Prints the bytes of an input of hexadecimal digits."
    return _run("LGI_hexbin", does, "LGI_hexbin -i data.hex -o data.csv", to_bytes, arguments)
