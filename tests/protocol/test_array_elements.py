"""The values of array elements in a text: the size is known before it is made."""

import tracemalloc

import pytest

from lgi_protocol import array_elements
from lgi_protocol.array_elements import ArrayElement, Value


@pytest.mark.parametrize(
    "text",
    ["", "plain é", "{}{}|{.}|{#}", "{1}{2}{2.}{01}", "{0}{3}{12345}{x}{", "{{}}{#.}"],
)
def test_the_sizes_of_a_text_are_those_of_what_is_written(text: str) -> None:
    """In bytes, for each element, with all kinds of places and with those that stay."""
    dimensions = [array_elements.numbers("9-11"), [Value("dir.d/é.in"), Value(".."), Value("{1}")]]
    made = list(array_elements.elements(dimensions))

    sizes = list(array_elements.sizes(text, made))

    assert sizes == [len(element.written(text).encode()) for element in made]


def test_a_number_of_many_digits_in_braces_is_plain_text() -> None:
    """Also one that is too long for Python to read."""
    element = ArrayElement(1, (Value("x"),))
    text = "{" + "1" * 5000 + "} {" + "0" * 5000 + ".} {00001}"

    assert element.written(text) == text
    assert not array_elements.has_place(text)


def test_values_are_not_written_into_a_text_that_would_be_huge() -> None:
    """They are counted before memory is taken for them."""
    element = ArrayElement(7, (Value("y" * 500_000),))
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match="too many places for values as long as those of element 7"):
            element.written("{}" * 100)
        assert tracemalloc.get_traced_memory()[1] < 2**22
    finally:
        tracemalloc.stop()
