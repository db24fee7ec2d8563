"""The hexadecimal notation in which input, output and updates travel (the LGI document calls it BinHex)."""

import binascii

# Digits per byte.
DIGITS = 2


def encode(data: bytes) -> str:
    """Return upper-case hexadecimal digits, as LGI's own programs send."""
    return data.hex().upper()


def decode(text: str) -> bytes:
    """Return the bytes of hexadecimal digits of either case, ignoring surrounding blanks.

    Raise ValueError for an odd number of digits or any other character.
    """
    try:
        return binascii.unhexlify(text.strip().encode("ascii"))
    except (binascii.Error, UnicodeEncodeError) as error:
        raise ValueError(f"not hexadecimal: {error}") from None
