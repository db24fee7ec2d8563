"""The common names of certificates."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lgi_protocol import comma_lists, common_name
from lgi_protocol.common_name import CommonName, compose, parse

words = (
    st.text("abAB@.-_ßé0 ", min_size=1, max_size=8)
    .map(str.strip)
    .filter(lambda word: word not in ("", "any"))
)
word_lists = st.none() | st.lists(words, min_size=1, max_size=3).map(tuple)


@pytest.mark.parametrize(
    ("text", "name", "groups", "projects"),
    [
        ("mark@laptop", "mark@laptop", None, None),
        (" mark ;LGI", "mark", None, ("LGI",)),
        ("mark; LGI, other", "mark", None, ("LGI", "other")),
        ("mark; any", "mark", None, ("any",)),
        ("mark; theor, cyttron; any", "mark", ("theor", "cyttron"), ("any",)),
        ("mark;theor;LGI", "mark", ("theor",), ("LGI",)),
        ("größe; a; b", "größe", ("a",), ("b",)),
    ],
)
def test_fields_are_positional(
    text: str, name: str, groups: tuple[str, ...] | None, projects: tuple[str, ...] | None
) -> None:
    """``name``, ``name; projects`` or ``name; groups; projects``, each trimmed."""
    assert parse(text) == CommonName(name, groups, projects)


NOBODY = ["", " ", ";", "; LGI", "; grp; LGI", "alice;;LGI", "alice; grp;", "alice;", "a; b; c; d", "a;;;"]
NOBODY += [
    "a; ,; b",
    "any",
    "any; LGI",
    "!a",
    "a, b",
    "a\nb",
    "a\x00",
    "\x7f",
    "a; b\t",
    "a\u2028b",
    "a\ufffd",
    "mark@laptop\u00a0",
    "\u2003mark@laptop",
    "mark\u200d@laptop",
    "mark; theor\u00a0; LGI",
    "\u202emark",
]


@pytest.mark.parametrize("text", [*NOBODY, chr(0xD800)])
def test_a_name_that_is_no_identity_is_refused(text: str) -> None:
    """An empty field never moves another into its place; ``any`` and lists are no names; no controls."""
    with pytest.raises(ValueError, match=r"name|empty list"):
        parse(text)


@pytest.mark.parametrize("name", ["mark\u00a0", "\u00a0mark", "ma\u200brk", "\u202emark", "mark\u3000"])
def test_a_name_that_only_looks_like_another_is_refused(name: str) -> None:
    """With trimmed or invisible characters one user could pass for another."""
    for refuse in (common_name.check_name, parse, lambda text: compose(text, None, None)):
        with pytest.raises(ValueError, match="name"):
            refuse(name)

    assert common_name.has_lookalike(name)
    assert not common_name.has_lookalike("J\u00fcrgen Gro\u00dfe")


def test_a_missing_project_list_allows_every_project() -> None:
    """And a list allows what it holds, or all with ``any``."""
    assert parse("mark").allows_project("LGI")
    assert parse("mark; any").allows_project("LGI")
    assert parse("mark; a, LGI").allows_project("LGI")
    assert not parse("mark; a, LG").allows_project("LGI")


def test_a_certificate_grants_its_groups_and_its_own_name() -> None:
    """Without a group field no group but the user's own name."""
    assert parse("mark").certified_groups() == ("mark",)
    assert parse("mark; LGI").certified_groups() == ("mark",)
    assert parse("mark; theor, mark; LGI").certified_groups() == ("mark", "theor")


@given(words, word_lists, word_lists)
def test_a_composed_name_is_parsed_the_same(
    name: str, groups: tuple[str, ...] | None, projects: tuple[str, ...] | None
) -> None:
    """A certificate means to its reader what it meant to its maker."""
    try:
        made = compose(name, groups, projects)
    except ValueError as error:
        assert "64" in str(error)  # noqa: PT017 - these words can only be too many
        return

    assert parse(str(made)) == made
    wanted = (comma_lists.ANY,) if groups is not None and projects is None else projects
    assert made == CommonName(name, groups, wanted)


@given(st.text("a;, !any\n", max_size=12))
def test_no_text_raises_anything_but_value_error(text: str) -> None:
    """And what is read is written so that it is read the same."""
    try:
        read = parse(text)
    except ValueError:
        return

    assert parse(str(read)) == read
    assert read.name not in {"", "any"}


@pytest.mark.parametrize(
    ("name", "groups", "projects"),
    [
        ("", None, None),
        ("any", None, None),
        ("a;b", None, None),
        ("a,b", None, None),
        ("a\nb", None, None),
        ("a", (), ("LGI",)),
        ("a", None, ()),
        ("a", ("g;h",), ("LGI",)),
        ("a", ("g, h",), ("LGI",)),
        ("a", (" g",), ("LGI",)),
    ],
)
def test_a_name_that_would_be_read_differently_is_not_composed(
    name: str, groups: tuple[str, ...] | None, projects: tuple[str, ...] | None
) -> None:
    """ValueError is raised instead of a certificate for another user."""
    with pytest.raises(ValueError, match="name"):
        compose(name, groups, projects)


def test_x_509_allows_64_characters() -> None:
    """Counted in characters, not in bytes."""
    assert compose("ß" * 64, None, None).name == "ß" * 64
    with pytest.raises(ValueError, match=r"has 65 characters and X\.509 allows 64"):
        compose("a" * 65, None, None)
    with pytest.raises(ValueError, match="64"):
        compose("a" * 50, ("b" * 10,), ("c",))


@pytest.mark.parametrize(
    "char",
    ["\x00", "\x1f", "\n", "\x7f", "\x85", "\u2028", "\u2029", chr(0xD800), "\ufffd", "\ufffe", "\uffff"],
)
def test_control_characters_are_found(char: str) -> None:
    """Line ends of every kind, undecodable bytes, and what an answer in XML would show as "?"."""
    assert common_name.has_control(f"a{char}b")
    assert not common_name.has_control("aß b\u00a0\u200d")
