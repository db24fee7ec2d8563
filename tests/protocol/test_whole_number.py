"""Whole numbers in configurations, calls and files."""

import pytest

from lgi_protocol import whole_number


@pytest.mark.parametrize(("text", "number"), [("0", 0), ("007", 7), ("9" * 18, whole_number.MOST)])
def test_decimal_digits_are_a_number(text: str, number: int) -> None:
    """Zeros in front count for nothing."""
    assert whole_number.read(text) == number


@pytest.mark.parametrize("text", ["", "-1", "+1", " 1", "1_0", "1.0", "²", "٣", "9" * 19, "1" * 5000])
def test_other_text_is_no_number(text: str) -> None:
    """Also what int() takes, and so many digits that it raises an error or no database has room for them."""
    assert whole_number.read(text) is None


def test_a_number_outside_the_range_is_none() -> None:
    """Both ends belong to the range."""
    found = [whole_number.read(text, 2, 4) for text in "12345"]

    assert found == [None, 2, 3, 4, None]
