"""References to jobs: numbers, ranges and arrays in text."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lgi_protocol import job_references
from lgi_protocol.job_references import ArrayReference
from lgi_tools.client.job_plan import JobPlan, plan_of

NUMBERS = st.sets(st.integers(1, 40))


def test_a_list_is_split_at_commas_outside_of_brackets() -> None:
    """Blanks and empty parts count for nothing."""
    found = list(job_references.split(" 7,, 12-40 ,102[1-3, 9],103[] "))

    assert found == ["7", "12-40", "102[1-3, 9]", "103[]"]
    assert [job_references.read(text) for text in found] == [
        range(7, 8),
        range(12, 41),
        ArrayReference(102, ((1, 3), (9, 9))),
        ArrayReference(103),
    ]


@pytest.mark.parametrize(
    "text", ["", "x", "-1", "9-7", "7[", "7]", "7[1", "7[x]", "7[][1]", "7[3-1]", "1" * 19]
)
def test_other_text_is_no_reference(text: str) -> None:
    """The error quotes it."""
    with pytest.raises(ValueError, match=r"not a job id|is empty"):
        job_references.read(text)


@given(numbers=NUMBERS)
def test_numbers_are_read_as_they_were_written(numbers: set[int]) -> None:
    """Three neighbours are a range."""
    text = job_references.write(numbers)

    found = [number for word in job_references.split(text) for number in job_references.read(word)]  # type: ignore[union-attr]

    assert found == sorted(numbers)


@pytest.mark.parametrize("text", ["[" * 130_000, "," * 130_000, "1[," * 43_000, "1[1],]" * 21_000])
def test_hostile_lists_are_split_in_little_time(text: str) -> None:
    """The time grows with the length, and not with its square."""
    began = time.monotonic()

    list(job_references.split(text))

    assert time.monotonic() - began < 20


def test_a_plan_of_python_takes_numbers_and_text() -> None:
    """As the options of the commands."""
    plan = plan_of(after=[7, "8", "12-40"], after_any=["102[]"])

    assert plan == JobPlan(after=(7, 8, "12-40"), after_any=("102[]",))
    assert plan.fields() == {"after": "7, 8, 12-40", "after_any": "102[]"}
    with pytest.raises(ValueError, match="not a job id"):
        plan_of(after=["x"])
