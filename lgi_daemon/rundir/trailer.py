"""The last line of a job's output, from which older programs read how it ended, and the line before it."""

import re

from lgi_protocol.job_end import End

# Only a trailer of at most so many bytes is recognized.
MAX_BYTES = 1024
_TRAILER = re.compile(
    rb"(?:\A|(?<=\n))\[LGI: (?:exit code [0-9]{1,3}|no exit code)(?:: [^\n]*)?\]\n?\Z",
)
_CUT = b"\n[LGI: the output was cut here, it has %d bytes and %d are allowed]\n"


def find(last: bytes) -> bytes:
    """Return the trailer in the last bytes of an output, empty when there is none."""
    match = _TRAILER.search(last[-MAX_BYTES:])
    return match[0] if match else b""


def format_end(end: End) -> bytes:
    """Return the trailer for an end."""
    code = 128 + end.exit_signal if end.exit_signal is not None else end.exit_code
    cause = "no exit code" if code is None else f"exit code {code}"
    return f"[LGI: {cause}{f': {end.reason}' if end.reason else ''}]\n".encode()


def compose(output: bytes, size: int, trailer: bytes, remark: str, limit: int) -> bytes:
    """Return an output of ``size`` bytes with a remark before its trailer, cut to ``limit`` bytes.

    ``output`` is its beginning, without the trailer. The trailer starts a new line and is never cut off.
    """
    noted = f"[LGI: {remark}]\n".encode() if remark else b""
    closing = noted + trailer
    if closing and output and not output.endswith(b"\n"):
        closing = b"\n" + closing
    if size - len(trailer) + len(closing) <= limit:
        return output + closing
    cut = _CUT % (size, limit)
    for end in (cut + noted + trailer, cut + trailer, b"\n" + trailer, trailer or cut):
        if len(end) <= limit:
            return output[: limit - len(end)] + end
    return (trailer or cut)[:limit]
