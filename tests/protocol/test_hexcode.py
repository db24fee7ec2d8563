"""The hexadecimal notation of input and output."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lgi_protocol import hexcode


@given(st.binary())
def test_bytes_survive_the_journey(data: bytes) -> None:
    """Sent in upper case, read in either case, blanks around it ignored."""
    text = hexcode.encode(data)

    assert text == text.upper()
    assert len(text) == 2 * len(data)
    assert hexcode.decode(text) == hexcode.decode(f" {text.lower()}\n") == data


def test_the_digits_are_those_of_lgi() -> None:
    """Two digits a byte, the high one first."""
    assert hexcode.encode(b"hello\x00\xff") == "68656C6C6F00FF"


@pytest.mark.parametrize("text", ["4", "414", "4G", "0x41", "41 42", "４１", "ä", "-1", "+1"])
def test_a_text_that_is_not_hexadecimal_is_refused(text: str) -> None:
    """An odd number of digits, blanks between them and other characters are ValueError."""
    with pytest.raises(ValueError, match="not hexadecimal"):
        hexcode.decode(text)


@given(st.text(max_size=6))
def test_no_text_raises_anything_but_value_error(text: str) -> None:
    """What is decoded encodes to the same digits."""
    try:
        data = hexcode.decode(text)
    except ValueError:
        return

    assert hexcode.encode(data) == text.strip().upper()
