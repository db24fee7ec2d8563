"""Reading and writing the XML of LGI's messages."""

import re
import time
from collections.abc import Callable
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from lgi_protocol import xml
from lgi_protocol.errors import ServerError
from lgi_protocol.reply import read_answer
from lgi_protocol.xml import Element

from . import old_parser

# What XML can hold: no controls, no surrogates, no U+FFFE and U+FFFF.
FRAGMENTS = [
    *("<a> 1 </a>", "<a>&lt;</a>", " <b> <a> 2 </a> </b> ", "<c x='1'> 3 </c>", "<d/>", "text & more"),
    *("<!-- <a> -->", "<a> 4", "</a>", "<b></b>", "<?x?>", "\n", "<a>5</b>", "< a>6</ a>", "<>"),
]
texts = st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\ufffe\uffff"))
names = st.from_regex(r"[A-Za-z_][A-Za-z0-9._-]{0,8}", fullmatch=True)


def names_of(text: str) -> list[str]:
    """The names of the elements found in a text."""
    return [found.name for found in xml.elements(text)]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("before <a> 1 </a> between <b> 2 </b>", ["a", "b"]),
        ("<a> 1 </a> </x> <b> 2 </b>", ["a"]),
        ("<a> 1 </a> <x> <b> 2 </b>", ["a"]),
        ("<a> 1 </a> <b", ["a"]),
        ("<a> 1 </a> < b> 2 </b> <c> 3 </c>", ["a"]),
        ("<a> <a> 1 </a> </a> <b> 2 </b>", ["a"]),
        ("<a> <b> 1 </b> </a>", ["a"]),
        ("<A> 1 </A> <a> 2 </a>", ["A", "a"]),
        ("<a> 1 </a > <b> 2 </b>", []),
        ("<ab> 1 </ab> <a> 2 </a>", ["ab", "a"]),
    ],
)
def test_elements_are_found_as_old_parsers_find_them(text: str, found: list[str]) -> None:
    """Siblings only; a stray closing tag or an unclosed element hides what follows."""
    assert names_of(text) == found
    assert [name for name in ["a", "ab", "A", "b", "c"] if old_parser.find(text, name).content] == sorted(
        found, key=["a", "ab", "A", "b", "c"].index
    )


@pytest.mark.parametrize(
    "text",
    [
        "<?xml version='1.0'?><a> 1 </a>",
        "<x/><a> 1 </a>",
        "<x y='1' /> <a> 1 </a>",
        "<!-- c --><a> 1 </a>",
        "<!-- <b> --> <a> 1 </a>",
        "<a\tx='1'> 1 </a>",
        "<a\n> 1 </a>",
    ],
)
def test_markup_that_stops_old_parsers_is_passed_over(text: str) -> None:
    """Prologs, self-closing tags, comments, and white space that is no blank: read, never written."""
    assert xml.value(text, "a") == "1"


def test_names_end_at_white_space_of_xml_only() -> None:
    """U+1680 is a blank for Unicode and a letter for XML: a name with it is not another tag's name."""
    assert names_of("<job\u1680x> 1 </job\u1680x> <a> 2 </a>") == ["job\u1680x", "a"]


@pytest.mark.parametrize("text", ["<!DOCTYPE a> <a> 1 </a>", "<![CDATA[x]]> <a> 1 </a>", "<!ELEMENT a>"])
def test_a_dtd_is_refused(text: str) -> None:
    """No declaration is ever interpreted, and none is overlooked."""
    with pytest.raises(ValueError, match="DTD"):
        xml.value(text, "a")


def test_an_unclosed_comment_hides_what_follows() -> None:
    """Where the old parser hangs, ours is at the end."""
    text = "<a> 1 </a> <!-- <b> 2 </b>"

    assert names_of(text) == ["a"]
    with pytest.raises(old_parser.Hang):
        old_parser.find(text, "b")


def test_attributes_are_given_as_written() -> None:
    """Everything between the name and the first ``>``."""
    found = xml.find("<a x=\"1\"  y='2'>1</a>", "a")

    assert found is not None
    assert (found.attributes, found.text) == ("x=\"1\"  y='2'", "1")
    assert old_parser.find("<a x=\"1\"  y='2'>1</a>", "a").attributes == found.attributes


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("&lt;&gt;&quot;&apos;&amp;", "<>\"'&"),
        ("&amp;lt;", "&lt;"),
        ("a &#39; &lt;", "a &#39; &lt;"),
        ("a &nbsp; &lt;", "a &nbsp; &lt;"),
        ("a & b &lt;", "a & b &lt;"),
        ("' &lt;", "' &lt;"),
        ("<b> &lt; </b>", "<b> &lt; </b>"),
        ("&lt", "&lt"),
    ],
)
def test_entities_are_decoded_all_or_not_at_all(written: str, value: str) -> None:
    """A raw special character or an unknown entity leaves the whole value as it is."""
    assert xml.value(f"<a> {written} </a>", "a") == value
    assert old_parser.find(f"<a> {written} </a>", "a").content.strip() == value


@given(st.text("&;<>\"'ltgampquo#3 x"))
def test_text_is_unescaped_as_old_clients_do(text: str) -> None:
    """Whatever the text, both decode it or both leave it."""
    assert xml.unescape(text) == old_parser.unescape(text)


@given(st.text("<>/!-ab ?'\"&;", max_size=40), st.sampled_from(["a", "b", "ab"]))
def test_an_element_that_old_clients_find_is_found_too(text: str, name: str) -> None:
    """Ours reads a superset: an element the old parser finds has the same value for us."""
    try:
        old = old_parser.find(text, name).content.strip()
        ours = xml.value(text, name)
    except (old_parser.Hang, ValueError):
        return

    # Self-closing tags and comments without a blank are read differently, the one on purpose.
    if old and "/>" not in text and "<!" not in text and "<?" not in text:
        assert ours == old


@given(texts, names)
def test_any_text_is_read_back_as_written(text: str, name: str) -> None:
    """Escaped on the way out, unescaped on the way in, by us, by old clients and by any XML parser."""
    written = xml.write(Element(name, text))

    assert xml.value(written, name) == text.strip()
    assert old_parser.find(written, name).content.strip() == text.strip()
    assert (etree.fromstring(written).text or "").strip() == text.strip()


@given(st.text())
def test_any_string_at_all_is_written_as_well_formed_xml(text: str) -> None:
    """What XML cannot hold becomes a question mark."""
    etree.fromstring(xml.write(Element("a", text)).encode())


@given(st.lists(st.tuples(names, texts), min_size=1))
def test_elements_are_read_back_in_their_order(pairs: list[tuple[str, str]]) -> None:
    """Names may repeat."""
    text = xml.write(Element("LGI", tuple(Element(*pair) for pair in pairs)))
    found = xml.find(text, "LGI")

    assert found is not None
    if all(name != "LGI" for name, _ in pairs):
        read = [(one.name, one.text) for one in xml.elements(found.inside)]
        assert read == [(name, content.strip()) for name, content in pairs]


def test_numbers_stand_in_quotes_of_either_kind() -> None:
    """Job scripts compare the double quotes of a repository's files as text."""
    assert xml.write(Element("job", 1, 2)) == "<job number='2'> 1 </job>"
    assert xml.write(Element("file", 1, 2, quote='"')) == '<file number="2"> 1 </file>'


def test_the_envelope_is_as_old_clients_expect_it() -> None:
    """No prolog; versions, CA and size before the response."""
    text = xml.envelope((Element("a", 1),), "https://x/ca.crt")

    assert names_of(text) == ["LGI"]
    inside = xml.find(text, "LGI")
    assert inside is not None
    wanted = ["API_version", "LGI_version", "CA_certificate", "server_max_field_size", "response"]
    assert names_of(inside.inside) == wanted
    assert xml.value(text, "LGI", "server_max_field_size") == "65355"


def hostile(size: int) -> dict[str, str]:
    """Texts that make a careless parser slow or deep."""
    return {
        "less than": "<" * size,
        "comments": "<!--" * (size // 4),
        "half comments": "<!-- -- " * (size // 8),
        "ampersands": "<LGI> <response>" + "&" * size + "</response> </LGI>",
        "entities": "<LGI> <response>" + "&lt;" * (size // 4) + "</response> </LGI>",
        "depth": "<a>" * (size // 3),
        "closed depth": "<a>" * (size // 7) + "</a>" * (size // 7),
        "siblings": "<a></a>" * (size // 7),
        "self-closing": "<a/>" * (size // 4),
        "prologs": "<?" * (size // 2),
        "one tag": "<" + "a " * (size // 2) + ">",
        "blanks": "<a" + " " * size,
        "digits": f"<LGI> <response> <error> <number>{'9' * size}</number> x </error> </response> </LGI>",
    }


def seconds(work: Callable[[], object]) -> float:
    """How much processor time some work takes, whatever else the machine does."""
    begin = time.process_time()
    work()
    return time.process_time() - begin


def consume(text: str) -> None:
    """Everything our reader does with an answer; two exceptions are what callers know of."""
    with suppress(ValueError, ServerError):
        xml.unescape(read_answer(text).content)
    xml.value(text, "b")


@pytest.mark.parametrize("kind", hostile(8))
def test_a_hostile_megabyte_is_read_in_linear_time(kind: str) -> None:
    """Half a second on a quiet machine; a quadratic reader would need hours."""
    assert seconds(lambda: consume(hostile(1_000_000)[kind])) < 5.0


@given(st.lists(st.tuples(names, texts), max_size=6), st.lists(names, max_size=4, unique=True))
def test_values_are_the_values_of_each_name(written: list[tuple[str, str]], absent: list[str]) -> None:
    """Read in one pass: the first element of a name counts, one that is missing is empty."""
    text = " ".join(xml.write(Element(name, value)) for name, value in written)
    asked = list(dict.fromkeys([*(name for name, _ in written), *absent]))

    assert xml.values(text, *asked) == {name: xml.value(text, name) for name in asked}


@given(st.lists(st.sampled_from(FRAGMENTS), max_size=12))
def test_pairs_are_the_names_and_texts_of_all_elements(parts: list[str]) -> None:
    """Read in one pass, whatever is nested, commented, unclosed or beside them."""
    text = "".join(parts)

    assert xml.pairs(text) == [(one.name, one.text) for one in xml.elements(text)]


def test_a_dtd_between_pairs_is_refused() -> None:
    """As by every reader."""
    with pytest.raises(ValueError, match="DTD"):
        xml.pairs("<a> 1 </a> <!DOCTYPE b> <c> 2 </c>")


@given(names, texts | st.integers())
def test_a_value_is_written_as_an_element_is(name: str, value: str | int) -> None:
    """The quick way gives the same text."""
    assert xml.write_value(name, value) == xml.write(Element(name, value))


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("<cpus> 2", "it is not well-formed XML at '<cpus> 2': each <tag> is closed by its </tag>"),
        ("<a> 1 </a>\n<b> x & y </b>", "in line 2, at '<b> x & y </b>'"),
    ],
)
def test_a_fault_in_xml_is_told_in_words_for_people(text: str, where: str) -> None:
    """The line and what to do, not the words of a parser, which knows of an element around the text."""
    with pytest.raises(ValueError, match=re.escape(where)) as raised:
        xml.check_fragment(text)

    assert "fragment" not in str(raised.value)
