"""What may stand in an answer as the XML it is: job_specifics and capabilities come from strangers."""

from functools import partial
from random import Random

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from lxml import etree

from lgi_protocol import xml
from lgi_protocol.xml import Element

from . import old_parser

EVERY_TAG = xml.RESERVED_TAGS | xml.CAPABILITIES_TAGS
# As the strictest caller, who lets capabilities in.
check_fragment = partial(xml.check_fragment, reserved=EVERY_TAG)

TOKENS = [
    "<job>", "</job>", "<job_specifics>", "</job_specifics>", "</resource_capabilities>", "<resource>",
    "</resource>", "<repository_url>", "</repository_url>", "<state>", "</state>", "</response>", "</LGI>",
    "<!--", "-->", "<!-->", "--", "<a>", "</a>", "<a ", "</a ", "<a\n", "</a\n>", "<a\t>", "<b>", "</b>",
    "<a/>", "<b />", "/", "<", ">", "&lt;", "&gt;", "&amp;", "&#60;", "&", "x", " ", "\n", "\t", "'", '"',
    "='", '="', "x='1'", 'y=">"', "<?", "?>", "<![CDATA[", "]]>", "<!DOCTYPE a>", "xmlns='u'", "\u1680",
    "<a\u1680>", "</a\u1680>", "<state\u1680x>", "</state\u1680x>", "<n:a xmlns:n='u'>", "</n:a>", "\ufeff",
]  # fmt: skip
NAMES = ["a", "b", "state", "n:a", "a\u1680", "ä", "resource", "resource_capabilities"]
ATTRIBUTES = ["", "", "", " x='1'", ' y=">"', " ", "\n", "\tx='1'", " xmlns:n='u'", "  x='&lt;'"]
LEAVES = ["", " ", "1", "&lt;b&gt;", "&amp;lt;", "->", ">", "]", "<!-- c --> ", "<!-- c -->", "<!-- - > -->"]
LEAVES += ["<!-- </resource> --> ", "<!-- </a> --> ", "&lt;resource&gt; &lt;/resource&gt;"]


def shaped(choice: Random, depth: int = 3) -> str:
    """Elements beside and inside others, written with every liberty XML has."""
    if depth == 0:
        return choice.choice(LEAVES)
    made = choice.choice(LEAVES) if choice.random() < 0.3 else _element(choice, depth - 1)
    return made + shaped(choice, depth - 1) if choice.random() < 0.4 else made


def _element(choice: Random, depth: int) -> str:
    inside = "".join(shaped(choice, depth) for _ in range(choice.randint(0, 2)))
    name, blank = choice.choice(NAMES), choice.choice(["", "", "", "", "", " ", "\n"])
    return f"<{name}{choice.choice(ATTRIBUTES)}>{inside}</{name}{blank}>"


def wild(choice: Random) -> str:
    """Tokens in any order: most of it is no XML, and what is has been written by nobody sane."""
    return "".join(choice.choices(TOKENS, k=choice.randint(1, 10)))


def fragment_of(choice: Random) -> str:
    """A text somebody may post."""
    kind = choice.random()
    if kind < 0.7:
        return shaped(choice)
    return wild(choice) if kind < 0.85 else shaped(choice) + wild(choice) + shaped(choice)


def accepted(text: str) -> bool:
    """Whether the check lets a text in."""
    try:
        check_fragment(text)
    except ValueError:
        return False
    return True


def accepted_fragment(choice: Random) -> str:
    """A text somebody may post and that is let in; most are not."""
    while not accepted(text := fragment_of(choice)):
        pass
    return text


# A generator of our own: hypothesis draws nested choices far less evenly.
fragments = st.randoms(use_true_random=True).map(accepted_fragment)


def answer_around(fragment: str) -> str:
    """An answer as the server embeds strangers' XML in: beside its own tags, and between other elements."""
    own = f"{fragment} <repository> R </repository> <repository_url> U </repository_url>"
    job = (
        Element("job_id", 7),
        Element("job_specifics", own, raw=True),
        Element("state", "queued"),
    )
    resource = (
        Element("resource_name", "res1"),
        Element("resource_capabilities", fragment, raw=True),
        Element("last_call_time", 9),
    )
    return xml.envelope(
        (
            Element("resource_capabilities", fragment, raw=True),
            Element("project", "LGI"),
            Element("job", job, 1),
            Element("resource", resource, 1),
            Element("job", (Element("job_id", 8),), 2),
            Element("number_of_jobs", 2),
        ),
        "https://x/ca.crt",
    )


EXPECTED = {
    ("project",): "LGI",
    ("job", "job_id"): "7",
    ("job", "state"): "queued",
    ("job", "job_specifics", "repository"): "R",
    ("job", "job_specifics", "repository_url"): "U",
    ("resource", "resource_name"): "res1",
    ("resource", "last_call_time"): "9",
    ("number_of_jobs",): "2",
}


def old_value(text: str, *path: str) -> str:
    """What an old client reads along a path."""
    for name in path:
        text = old_parser.find(text, name).content
    return text.strip()


@settings(max_examples=600)
@given(fragments)
@example("<a>1</a >")
@example("<a\n>1</a>")
@example("<a> <a>1</a> </a>")
@example("<repository_url\u1680x>https://evil/</repository_url\u1680x>")
@example("<resource> </resource> <resource> <resource_name> victim </resource_name> </resource>")
@example("<resource_capabilities> </resource_capabilities>")
def test_an_accepted_fragment_changes_nothing_around_it(fragment: str) -> None:
    """The security property: whatever a stranger posts, other elements are read as the server wrote them."""
    assume(accepted(fragment))
    text = answer_around(fragment)

    read = {path: xml.value(text, "LGI", "response", *path) for path in EXPECTED}

    assert read == EXPECTED
    assert {path: old_value(text, "LGI", "response", *path) for path in EXPECTED} == EXPECTED
    found = xml.find(text, "LGI", "response")
    assert found is not None
    assert [xml.value(one.inside, "job_id") for one in xml.find_all(found.inside, "job")] == ["7", "8"]
    etree.fromstring(text.encode())


@settings(max_examples=200)
@given(fragments)
def test_an_accepted_fragment_names_no_reserved_tag_however_it_is_read(fragment: str) -> None:
    """Neither as it stands, nor unescaped as a reader may have it, for a parser that knows namespaces."""
    assume(accepted(fragment))

    for text in (fragment, xml.unescape(fragment.strip())):
        if "<" in text:
            root = etree.fromstring(f"<f>{text}</f>".encode())
            tags = {etree.QName(one).localname for one in root.iter(etree.Element)}
            assert not tags & EVERY_TAG
    assert "<!D" not in fragment
    assert "<?" not in fragment


@pytest.mark.parametrize("tag", sorted(EVERY_TAG))
@pytest.mark.parametrize(
    "text",
    [
        "<{0}> </{0}>",
        "<a> <b> <{0}> 1 </{0}> </b> </a>",
        "<{0} x='1'> </{0}>",
        "<n:{0} xmlns:n='urn:x'> </n:{0}>",
        "<{0} xmlns='urn:x'> </{0}>",
        "<!-- <{0}> --> <a> </a>",
        "<!-- </{0}> --> <a> </a>",
        "<![CDATA[<{0}> </{0}>]]>",
        "<?x <{0}> ?>",
        "&lt;{0}&gt; &lt;/{0}&gt;",
        "</{0}>",
        "<{0}>",
        "<{0}/>",
    ],
)
def test_a_reserved_tag_is_refused_in_every_disguise(tag: str, text: str) -> None:
    """At any depth, in any namespace, hidden in a comment, CDATA or an instruction, or escaped."""
    with pytest.raises(ValueError, match=r"reserved|tags|accepted|well-formed"):
        check_fragment(text.format(tag))


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("<a/>", "self-closing"),
        ("<a x='1' />", "self-closing"),
        ("<!-- c --><a> 1 </a>", "followed by a blank"),
        ("<!-- c -->\n<a> 1 </a>", "followed by a blank"),
        ("<!-- <a> --> x", "must not contain tags"),
        ("<!-- a -- b --> x", "well-formed"),
        ("<!-- x", "well-formed"),
        ("<a\tx='1'> 1 </a>", "followed by a blank"),
        ("<a> 1 </a >", "no blanks"),
        ("<a> <b> <a> 1 </a> </b> </a>", "nested in another"),
        ("<?xml version='1.0'?> <a> 1 </a>", "prolog"),
        ("<!DOCTYPE a [<!ENTITY x 'lol'>]> <a> &x; </a>", "DTD"),
        ("<!ENTITY x 'lol'>", "entity"),
        ("<![CDATA[x]]>", "CDATA"),
        ("<a> &x; </a>", "well-formed"),
        ("<a> & </a>", "well-formed"),
        ("just text & <", "well-formed"),
        ("</fragment><fragment>", "well-formed"),
        ("<n:a> 1 </n:a>", "well-formed"),
        ("<a> 1 </b>", "well-formed"),
        ("\x01", "well-formed"),
        ("\x00", "well-formed"),
        ("\ud800", "well-formed"),
        ("\uffff", "well-formed"),
        ("&#1;", "well-formed"),
        ("<a>" * 300 + "</a>" * 300, "well-formed"),
    ],
)
def test_a_refusal_says_what_is_wrong(text: str, why: str) -> None:
    """The message goes to the person who wrote the text."""
    with pytest.raises(ValueError, match=why):
        check_fragment(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "plain text",
        "a &amp; b",
        "<a> 1 </a>",
        '<walltime> 10 </walltime> <x a="1">y</x>',
        "<a x='1'\n   y='2'> 1 </a>",
        "<!-- c --> <a> 1 </a> <!-- at the end -->",
        "<a> &lt;b&gt; &amp; &quot;q&quot; </a>",
        "<a> 1 </a> <a> 2 </a>",
        "<jobs> 1 </jobs> <Job> 2 </Job>",
        "<a y='>'> 1 </a>",
        "<größe> 1 </größe>",
    ],
)
def test_ordinary_specifics_are_let_in(text: str) -> None:
    """Text, elements, attributes, comments followed by a blank, the five entities."""
    check_fragment(text)


def test_a_caller_can_reserve_more() -> None:
    """A user may not pass for a daemon."""
    reserved = xml.RESERVED_TAGS | {"daemon_reference"}

    for text in (
        "<daemon_reference> x </daemon_reference>",
        "&lt;daemon_reference&gt; &lt;/daemon_reference&gt;",
    ):
        check_fragment(text)
        with pytest.raises(ValueError, match="reserved"):
            xml.check_fragment(text, reserved)


def test_a_billion_laughs_are_not_laughed() -> None:
    """Entities are refused before a parser sees them."""
    entities = "".join(f"<!ENTITY l{n} '{f'&l{n - 1};' * 10}'>" for n in range(1, 10))

    with pytest.raises(ValueError, match="DTD"):
        check_fragment(f"<!DOCTYPE l [<!ENTITY l0 'lol'>{entities}]> <l> &l9; </l>")


@pytest.mark.parametrize(
    "text",
    ["<a> " * 16000, "<a> </a>" * 8000, "-->\n" * 16000, "/ " * 32000, "<!-- -" * 10000, " y=''" * 13000],
)
@pytest.mark.timeout(60)
def test_the_largest_field_is_checked_at_once(text: str) -> None:
    """A field of 65355 bytes costs milliseconds, whatever is in it."""
    accepted(text)
    accepted(f"<a{text}> </a>")
