"""What leaves a tool: text from a server must not steer the terminal it is shown on."""

import sys
import unicodedata


def show(text: str | bytes) -> None:
    """Write to standard output: unchanged into a file or pipe, control characters escaped on a terminal."""
    stream = sys.stdout
    if stream.isatty():
        text = printable(text.decode("utf-8", "backslashreplace") if isinstance(text, bytes) else text)
    if isinstance(text, str):
        text = text.encode(stream.encoding or "utf-8", "backslashreplace")
    stream.flush()
    stream.buffer.write(text)
    stream.buffer.flush()


def warn(program: str, text: str) -> None:
    """One line on standard error that starts with the program's name."""
    print(f"{program}: {printable(text)}", file=sys.stderr)


def printable(text: str) -> str:
    """The text with every control character but line end and tab written as ``\\xNN``."""
    return "".join(
        f"\\x{ord(char):02x}" if unicodedata.category(char) == "Cc" and char not in "\n\t" else char
        for char in text
    )
