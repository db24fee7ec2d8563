"""Whole numbers in text that somebody else wrote."""

_DIGITS = 18
MOST = 10**_DIGITS - 1


def read(text: str, least: int = 0, most: int = MOST) -> int | None:
    """Return the number that decimal digits write; None for other text, or a number out of the range."""
    # int() also takes signs, blanks and "1_0", and raises ValueError for "²" and for more than 4300 digits.
    if not (text.isascii() and text.isdigit() and len(text) <= _DIGITS):
        return None
    number = int(text)
    return number if least <= number <= most else None
