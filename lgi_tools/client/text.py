"""Text of servers and users within messages: on one line, without control characters, not too long."""

import unicodedata

# Characters of a value that a message shows.
SHORT = 200


def shortened(text: str) -> str:
    """Return the beginning of a text that is too long for a message."""
    return text if len(text) <= SHORT else f"{text[:SHORT]}..."


def printable(text: str) -> str:
    r"""Return the text with control characters but line end and tab escaped as ``\xNN`` or ``\uNNNN``.

    So are characters that change the direction of writing or are invisible.
    """
    if text.isprintable():
        return text
    return "".join(char if char in "\n\t" else _escaped(char) for char in text)


def one_line(text: str) -> str:
    """Return the text on one line: as `printable`, with line ends and tabs escaped too."""
    if text.isprintable():
        return text
    return "".join({"\n": "\\n", "\t": "\\t"}.get(char) or _escaped(char) for char in text)


def _escaped(char: str) -> str:
    if unicodedata.category(char) not in {"Cc", "Cf", "Zl", "Zp"}:
        return char
    code = ord(char)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
