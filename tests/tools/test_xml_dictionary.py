"""Answers as dictionaries, as the class of the LGI document gives them."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lgi_protocol import hexcode
from lgi_tools.compat import xml_dictionary
from tests.support import golden
from tests.support.golden import Exchange, Tree

LEAVES = st.text(
    st.characters(exclude_categories=("C", "Z"), exclude_characters="<>&\"'"), min_size=1
).filter(lambda text: not text.isdigit())


def test_elements_are_reached_by_their_names() -> None:
    """Numbers are numbers, other text is text without the blanks and entities around it."""
    text = "<job> <job_id> 7 </job_id> <state> queued </state> <name> a&amp;b </name> </job>"

    assert xml_dictionary.read(text) == {"job": {"job_id": 7, "state": "queued", "name": "a&b"}}


def test_a_name_that_comes_again_has_a_list() -> None:
    """In its order, also when the values are of different kinds; one alone has none."""
    text = "<a> 1 </a> <b> x </b> <a> y </a> <a> <c> 2 </c> </a>"

    assert xml_dictionary.read(text) == {"a": [1, "y", {"c": 2}], "b": "x"}


def test_input_and_output_are_bytes() -> None:
    """Wherever they stand, of either case, and also when all digits are decimal."""
    text = "<input> 6869 </input> <job> <output> 00fF </output> </job>"

    assert xml_dictionary.read(text) == {"input": b"hi", "job": {"output": b"\x00\xff"}}


def test_a_value_that_is_not_hexadecimal_stays_text() -> None:
    """A tag of that name in a job's specifics may hold anything."""
    assert xml_dictionary.read("<input> from a file </input> <output> </output>") == {
        "input": "from a file",
        "output": b"",
    }


def test_text_between_elements_is_not_lost() -> None:
    """A job's specifics may be text, behind which a server writes where the repository is."""
    text = (
        "<job_specifics> -n 3\n a &lt; b <repository_url> https://x/y </repository_url> end </job_specifics>"
    )

    found = xml_dictionary.read(text)["job_specifics"]

    assert found == {"#text": "-n 3 a < b end", "repository_url": "https://x/y"}


def test_an_empty_element_is_an_empty_text() -> None:
    """Both `<a> </a>` and `<b/>`."""
    assert xml_dictionary.read("<a> </a> <b/>") == {"a": "", "b": ""}


def test_an_element_with_attributes_stands_beside_them() -> None:
    """As LGI 1.31's class had it: under its own name, one alone and in a list; with either quotes."""
    one = "<job number='1'> <job_id> 7 </job_id> </job>"
    two = '<job number="2"> x </job> <empty a=\'b&amp;c\' d = "007"/>'

    first = {"attributes": {"number": 1}, "job": {"job_id": 7}}
    second = {"attributes": {"number": 2}, "job": "x"}
    assert xml_dictionary.read(one) == {"job": first}
    assert xml_dictionary.read(f"{one} {two}") == {
        "job": [first, second],
        "empty": {"attributes": {"a": "b&c", "d": 7}, "empty": ""},
    }


def test_an_output_with_attributes_is_bytes_still() -> None:
    """The value has the same type with and without attributes."""
    assert xml_dictionary.read("<output a='b'> 6869 </output>")["output"]["output"] == b"hi"


@pytest.mark.parametrize("digits", ["٣", "²", "9" * 5000])
def test_a_value_that_python_does_not_convert_stays_text(digits: str) -> None:
    """Digits of other scripts, and more of them than a number may have."""
    assert xml_dictionary.read(f"<a> {digits} </a>") == {"a": digits}


def test_depth_is_bounded() -> None:
    """A hostile answer ends as text, not as the end of the program."""
    text = "".join(f"<a{level}>" for level in range(2000)) + "".join(
        f"</a{level}>" for level in reversed(range(2000))
    )

    found: object = xml_dictionary.read(text)
    depth = 0
    while isinstance(found, dict):
        (found,) = found.values()
        depth += 1

    assert depth == xml_dictionary.DEEPEST
    assert str(found).startswith("<a32>")


@settings(max_examples=40)
@given(
    st.recursive(
        LEAVES,
        # Drawn letter by letter: a busy machine makes so few names from a pattern that the test gives up.
        lambda inner: st.dictionaries(st.text("abcdefgh", min_size=1, max_size=3), inner, min_size=1),
        max_leaves=20,
    )
)
def test_every_tree_of_names_comes_back(tree: object) -> None:
    """Written as XML and read again."""

    def write(value: object) -> str:
        if isinstance(value, dict):
            return " ".join(f"<{name}> {write(inner)} </{name}>" for name, inner in value.items())
        return str(value)

    def nests_itself(value: object, above: tuple[str, ...] = ()) -> bool:
        return isinstance(value, dict) and any(
            name in above or nests_itself(inner, (*above, name)) for name, inner in value.items()
        )

    if not nests_itself(tree):
        assert xml_dictionary.read(f"<root> {write(tree)} </root>") == {"root": tree}


def as_value(tree: Tree) -> object:
    """What the dictionary should hold of an element that another parser has read, but for texts between."""
    name, _, text = tree.attributes.partition("=")
    if name:
        attributes = {name: int(text) if text.isdigit() else text}
        return {"attributes": attributes, tree.name: as_value(replace(tree, attributes=""))}
    if tree.children:
        several: dict[str, list[object]] = {}
        for child in tree.children:
            several.setdefault(child.name, []).append(as_value(child))
        return {name: values if len(values) > 1 else values[0] for name, values in several.items()}
    if tree.name in xml_dictionary.HEXADECIMAL:
        return hexcode.decode(tree.text)
    return int(tree.text) if tree.text.isdigit() else tree.text


def without_text(value: object) -> object:
    """The same without the texts between elements."""
    if isinstance(value, list):
        return [without_text(one) for one in value]
    if isinstance(value, dict):
        return {name: without_text(one) for name, one in value.items() if name != xml_dictionary.TEXT}
    return value


@pytest.mark.parametrize("exchange", golden.ANSWERS + golden.ERRORS, ids=lambda exchange: exchange.name)
def test_answers_of_lgi_are_read_as_by_a_real_parser(exchange: Exchange) -> None:
    """LGI's own class had one: every recorded answer has the names and values it would give."""
    read = xml_dictionary.read(exchange.response)["LGI"]["response"]

    assert without_text(read) == as_value(golden.response(exchange.response))
