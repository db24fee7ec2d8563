"""The comparison of two answers sees what it is there to see, and nothing else."""

import pytest

from tests.conformance.answers import difference, lines_of
from tests.conformance.wire import Answer

ANSWER = (
    "<LGI> <LGI_version> 1.31.6 </LGI_version> <response> <job number='1'> <job_id> 7 </job_id>"
    " <state> queued </state> <input> 6a </input> <job_specifics> <a> 1 </a> </job_specifics> </job>"
    " </response> </LGI>"
)
ERROR = "<LGI> <response> <error> <number> 15 </number> <message> gone </message> </error> </response> </LGI>"


def compared(
    changed: str, kept: dict[str, set[str]] | None = None
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The difference between the answer and a changed one."""
    answers = (lines_of(Answer(200, text), kept or {}) for text in (ANSWER, changed))
    return difference(*answers)


@pytest.mark.parametrize(
    ("old", "new"),
    [("1.31.6", "1.41.0"), (" 7 ", " 8 "), ("6a", "6A"), ("> queued <", ">queued<")],
    ids=["version", "new number", "hexadecimal digits", "blanks"],
)
def test_a_value_that_must_differ_is_no_difference(old: str, new: str) -> None:
    """A version, a number the call made, and how the same is written."""
    assert compared(ANSWER.replace(old, new)) == ((), ())


@pytest.mark.parametrize(
    ("old", "new", "only_theirs", "only_ours"),
    [
        ("queued", "running", "job['1']/state = queued", "job['1']/state = running"),
        (
            "<a> 1 </a>",
            "<a> 2 </a>",
            "job['1']/job_specifics = <a> 1 </a>",
            "job['1']/job_specifics = <a> 2 </a>",
        ),
        ("6a", "6b", "job['1']/input = 6A", "job['1']/input = 6B"),
    ],
    ids=["text", "raw XML", "bytes"],
)
def test_another_value_is_a_difference(old: str, new: str, only_theirs: str, only_ours: str) -> None:
    """Both values are reported."""
    assert compared(ANSWER.replace(old, new)) == ((only_theirs,), (only_ours,))


def test_another_order_is_a_difference() -> None:
    """The same elements in another order are another answer."""
    state, given = "<state> queued </state>", "<input> 6a </input>"

    assert compared(ANSWER.replace(f"{state} {given}", f"{given} {state}")) != ((), ())


def test_a_number_that_was_there_before_must_be_the_same() -> None:
    """Only what the call itself made may be another."""
    changed = ANSWER.replace(" 7 ", " 8 ")

    assert compared(changed, {"job_id": {"7"}}) == (("job['1']/job_id = 7",), ("job['1']/job_id = #",))


def test_an_error_is_compared_by_its_number() -> None:
    """With its number, and the HTTP status where that is not 200."""
    assert compared(ERROR) == (("an answer",), ("error 15",))


def test_a_missing_job_is_one_difference() -> None:
    """It is reported once, not with each of its lines."""
    assert compared("<LGI> <LGI_version> 1.31.6 </LGI_version> <response> </response> </LGI>")[0] == (
        "job['1']",
    )


def test_only_the_beginning_of_a_cut_answer_counts() -> None:
    """Its last value is the beginning of ours."""
    recorded = ("http = 200", "input = 4141")

    assert difference(recorded, ("http = 200", "input = 414141", "output = "), cut=True) == ((), ())
    assert difference(recorded, ("http = 200", "input = 4242", "output = "), cut=True) != ((), ())


def test_an_answer_that_is_no_xml_is_reported() -> None:
    """The rest is compared as far as it can be read."""
    only_theirs, only_ours = compared(ANSWER.replace("</state>", "</status>"))

    assert only_theirs == ()
    assert only_ours[0].startswith("no XML")


def test_other_quotes_are_a_difference() -> None:
    """Job scripts compare ``number="1"`` as text."""
    only_theirs, only_ours = compared(ANSWER.replace("number='1'", 'number="1"'))

    assert (only_theirs, only_ours) == (("job['1']",), ('job["1"]',))


@pytest.mark.parametrize(
    "unreadable", ["<state/>", "<state> &#39; </state>", "<state> <![CDATA[x]]> </state>"]
)
def test_an_answer_that_old_clients_cannot_read_is_reported(unreadable: str) -> None:
    """Their parsers are home-made: no empty-element tag, no entity but the five, no CDATA."""
    _, only_ours = compared(ANSWER.replace("<state> queued </state>", unreadable))

    assert "unreadable for old clients" in only_ours[0]
