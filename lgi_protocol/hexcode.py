"""The hexadecimal notation in which input, output and updates travel (the LGI document calls it BinHex)."""

import binascii

# So many write one byte.
DIGITS = 2


def encode(data: bytes) -> str:
    """Upper-case digits, as LGI's own programs send."""
    return data.hex().upper()


def decode(text: str) -> bytes:
    """The bytes of hexadecimal digits of either case, blanks around them ignored.

    Raises ValueError on an odd number of digits or on anything that is no digit.
    """
    try:
        return binascii.unhexlify(text.strip().encode("ascii"))
    except (binascii.Error, UnicodeEncodeError) as error:
        raise ValueError(f"not hexadecimal: {error}") from None
