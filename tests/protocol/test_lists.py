"""Comma lists, and the words ``any`` and ``!x``."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lgi_protocol import comma_lists

names = st.text(st.characters(exclude_characters=","), min_size=1).map(str.strip).filter(bool)


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("", ()),
        (" , ,", ()),
        ("a", ("a",)),
        ("a, b,c", ("a", "b", "c")),
        (",a", ("a",)),
        ("a,,b,c", ("a", "b", "c")),
        ("a b , c", ("a b", "c")),
        ("a,a", ("a", "a")),
        ("!a, any", ("!a", "any")),
    ],
)
def test_a_list_is_split_at_commas(text: str, values: tuple[str, ...]) -> None:
    """Values are trimmed, empty ones dropped, and the writer's order stays."""
    assert comma_lists.split(text) == values


@given(st.lists(names).map(tuple))
def test_a_joined_list_splits_into_the_same_values(values: tuple[str, ...]) -> None:
    """A list comes back with the same values in the same order."""
    assert comma_lists.split(comma_lists.join(values)) == values


@given(st.text("a ,!\t"))
def test_a_second_split_changes_nothing(text: str) -> None:
    """A stored list is in its final form."""
    once = comma_lists.split(text)

    assert comma_lists.split(comma_lists.join(once)) == once
    assert all(value and value == value.strip() and "," not in value for value in once)


@given(st.lists(st.sampled_from("abc")))
def test_repetitions_go_and_the_first_stays(values: list[str]) -> None:
    """As owners and groups are stored."""
    kept = comma_lists.unique(values)

    assert set(kept) == set(values)
    assert len(kept) == len(set(kept))
    assert [values.index(value) for value in kept] == sorted(values.index(value) for value in kept)


@pytest.mark.parametrize(
    ("values", "wanted", "held"),
    [
        (("mark", "theor"), ["mark"], True),
        (("mark", "theor"), ["x", "theor"], True),
        (("mark",), ["Mark"], False),
        (("mark@laptop",), ["mark"], False),
        (("m.*",), ["mark"], False),
        (("any",), ["mark"], True),
        (("any",), [], True),
        (("mark",), ["any"], False),
        (("anyone",), ["mark"], False),
        ((), ["mark"], False),
        (("a",), [], False),
    ],
)
def test_a_list_grants_the_very_name_or_any(values: tuple[str, ...], wanted: list[str], held: bool) -> None:
    """Names match exactly, never as patterns; ``any`` is a wildcard in the list, not among the names."""
    assert comma_lists.contains_any(values, wanted) == held


@pytest.mark.parametrize(
    ("owners", "wanted", "passes"),
    [
        (("a", "g"), "", True),
        (("a", "g"), "a", True),
        (("a", "g"), "b, g", True),
        (("a", "g"), "b", False),
        (("a", "g"), "!b", True),
        (("a", "g"), "!a", False),
        (("a", "g"), "! a", False),
        (("a", "g"), "a, !g", False),
        (("a", "g"), "!g, a", False),
        (("a", "g"), "any", True),
        (("a", "g"), "any, !a", False),
        ((), "a", False),
    ],
)
def test_work_is_filtered_by_owners(owners: tuple[str, ...], wanted: str, passes: bool) -> None:
    """A plain name asks for, ``!name`` refuses and wins; without plain names all others pass."""
    assert comma_lists.matches_filter(owners, comma_lists.split(wanted)) == passes


@given(st.sets(st.sampled_from("abc")), st.lists(st.sampled_from(["a", "b", "c", "!a", "!b", "!c"])))
def test_the_order_of_a_filter_does_not_matter(owners: set[str], wanted: list[str]) -> None:
    """Nor does it matter that a name is repeated."""
    assert comma_lists.matches_filter(owners, wanted) == comma_lists.matches_filter(
        owners, [*reversed(wanted), *wanted]
    )
