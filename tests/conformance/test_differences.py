"""The list of differences and the page readers see say the same, and both give a reason."""

import re

from tests.conformance import decisions, differences, exchanges, page
from tests.conformance.replay import REPLAYED

REASONS = re.compile(r"Ruling \d|wire\.md \d|clients\.md \d")


def test_the_page_shows_the_list() -> None:
    """It is made with ``python -m tests.conformance.page > docs/differences.md``."""
    assert page.FILE.read_text() == page.page()


def test_every_difference_on_purpose_has_a_reason_that_can_be_looked_up() -> None:
    """A ruling, or a section of the two pages about the protocol."""
    assert [one.names for one in differences.ON_PURPOSE if not REASONS.search(one.why)] == []


def test_every_decision_has_a_reason_that_can_be_looked_up_and_a_test() -> None:
    """In the file that the page names; and each test there is of a decision."""
    assert [one.what for one in decisions.ALL if not REASONS.search(one.why)] == []
    tests = re.findall(r"^def (test_\w+)", (decisions.ROOT / decisions.FILE).read_text(), re.MULTILINE)
    assert sorted(one.test for one in decisions.ALL) == sorted(tests)


def test_every_difference_is_of_one_exchange_that_is_replayed() -> None:
    """No exchange stands twice, and none is unknown."""
    names = [name for one in differences.ALL for name in one.names]

    assert len(names) == len(set(names)) == len(differences.BY_NAME)
    assert set(names) <= set(REPLAYED)


def test_the_records_are_the_ones_the_page_counts() -> None:
    """The number is that of the lines of the file."""
    assert f"{len(exchanges.ALL)} exchanges" in page.page()
