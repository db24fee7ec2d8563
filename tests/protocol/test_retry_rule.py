"""The rule after which ends a job is tried again."""

import pytest

from lgi_protocol.job_end import End
from lgi_protocol.retry_rule import normalize_rule, read_rule

MATCHES = {
    "a code": ("exit 75", End(75), True),
    "another code": ("exit 75", End(74), False),
    "a range": ("exit 1-9", End(9), True),
    "beyond a range": ("exit 1-9", End(10), False),
    "a signal": ("signal", End(None, 9), True),
    "a code is no signal": ("signal", End(1), False),
    "a signal is no code": ("exit 1-255", End(None, 9), False),
    "any": ("any", End(None, 9), True),
    "nothing said": ("", End(1), True),
    "aborted": ("exit 1-255, signal", End(), False),
    "one of several": (" EXIT  75 ,signal", End(75), True),
}


@pytest.mark.parametrize(("text", "end", "matches"), MATCHES.values(), ids=MATCHES.keys())
def test_an_end_matches_what_its_rule_says(text: str, end: End, matches: bool) -> None:
    """Exit codes, ranges of them, and words."""
    assert read_rule(text).matches(end) is matches


def test_a_lost_job_matches_its_word_only() -> None:
    """Besides any."""
    assert read_rule("lost").matches(End(), is_lost=True)
    assert not read_rule("exit 1-255, signal").matches(End(), is_lost=True)
    assert not read_rule("lost").matches(End())


@pytest.mark.parametrize(
    "text", ["exit", "exit 0", "exit 256", "exit 9-1", "exit 1-", "75", "x", ",", "exit 75;"]
)
def test_a_text_that_is_no_rule_is_refused(text: str) -> None:
    """With the part that is wrong."""
    with pytest.raises(ValueError, match=r"is none of|no exit codes"):
        read_rule(text)


def test_a_rule_is_stored_in_one_form() -> None:
    """So that a submit is repeated with the same text; one that does not fit its column is refused."""
    assert normalize_rule(" Exit  75 ,signal, ") == "exit 75, signal"
    with pytest.raises(ValueError, match="254 bytes"):
        normalize_rule(", ".join(["exit 75"] * 40))
