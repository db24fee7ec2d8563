"""The end of a job as a program reads it, and as it makes a reason fit."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lgi_protocol.job_end import NO_END, End, Result, normalize_reason, read_end
from lgi_server.api import end_fields
from lgi_server.api.form import Form

READ = {
    "": NO_END,
    "<exit_code> 0 </exit_code>": End(0),
    "<exit_code> 255 </exit_code>": End(255),
    "<exit_signal> 9 </exit_signal>": End(None, 9),
    "<exit_code> 256 </exit_code>": NO_END,
    "<exit_code> -1 </exit_code>": NO_END,
    "<exit_code> </exit_code>": NO_END,
    "<exit_code> 0x1 </exit_code> <exit_signal> 0 </exit_signal>": NO_END,
    "<exit_code> 0 </exit_code> <exit_signal> 9 </exit_signal>": End(None, 9),
    "<job_specifics> <exit_code> 0 </exit_code> </job_specifics>": NO_END,
    "<end_reason> a &lt; b </end_reason>": End(None, None, "a < b"),
}


@pytest.mark.parametrize(("job", "end"), READ.items())
def test_an_end_that_cannot_be_understood_is_not_known(job: str, end: End) -> None:
    """No server sends such values; they must not be taken for a success."""
    assert read_end(job) == end


WORDS = [
    ("running", NO_END, None, "running"),
    ("staging", End(0), None, "staging"),
    ("finished", End(0), Result.SUCCEEDED, "finished, exit code 0"),
    ("finished", End(3, None, "why"), Result.FAILED, "finished, exit code 3: why"),
    ("finished", End(None, 9), Result.FAILED, "finished, killed by signal 9"),
    ("finished", End(None, None, "why"), Result.UNKNOWN, "finished, exit code unknown: why"),
    ("aborted", NO_END, Result.FAILED, "aborted"),
    ("aborted", End(0), Result.FAILED, "aborted, exit code 0"),
]


@pytest.mark.parametrize(("state", "end", "result", "words"), WORDS)
def test_an_end_has_a_result_and_words(state: str, end: End, result: Result | None, words: str) -> None:
    """A success is known, or it is none; a running job has no end, whatever the fields contain."""
    assert (end.result(state), end.text(state)) == (result, words)


@given(st.text(max_size=400))
def test_a_reason_that_was_made_to_fit_is_taken_by_servers(reason: str) -> None:
    """Whatever a script wrote: a report must not be refused for its words."""
    line = normalize_reason(reason)

    assert end_fields.posted(Form({"end_reason": line}), "finished").reason == line


def test_a_reason_is_cut_between_characters() -> None:
    """At most 254 bytes; line ends become blanks."""
    assert normalize_reason("a\nb\x00c\ufffd") == "a b c"
    assert normalize_reason("ä" * 200) == "ä" * 127
