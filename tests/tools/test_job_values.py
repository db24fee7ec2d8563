"""Jobs, files and resources as values."""

from dataclasses import FrozenInstanceError
from datetime import UTC, datetime

import pytest

from lgi_protocol import xml
from lgi_tools.client.job import Details, read_details, read_job
from lgi_tools.client.resource import read_resource
from lgi_tools.client.result import Result, result_of
from lgi_tools.client.timestamp import parse_time
from tests.support.canned_server import end_fields

from .test_tools_text import JOB

DETAILS = read_details(xml.value(JOB, "job"))


def ended(output: bytes, state: str = "finished") -> Result:
    """The result of a job with this output."""
    return result_of(Details(**(vars(DETAILS) | {"state": state, "output": output})))


def test_every_field_of_a_job_is_read() -> None:
    """Lists are tuples, data bytes, times aware."""
    assert (DETAILS.id, DETAILS.state, DETAILS.application) == (7, "queued", "hello_world")
    assert (DETAILS.targets, DETAILS.owners) == (("any",), ("mark", "theor"))
    assert (DETAILS.read_access, DETAILS.write_access) == (("admin", "mark"), ("admin",))
    assert (DETAILS.input, DETAILS.output) == (b"hi", b"\x00\xff")
    assert DETAILS.changed == datetime(2012, 10, 12, 0, 0, 1, tzinfo=UTC)
    assert [(file.name, file.size) for file in DETAILS.files] == [("a&b", 1), ("c", 2)]
    assert not DETAILS.ended


def test_a_value_does_not_change() -> None:
    """The fields of a job that was read cannot be assigned."""
    with pytest.raises(FrozenInstanceError):
        DETAILS.state = "finished"  # type: ignore[misc]


def test_the_place_of_the_repository_is_no_part_of_the_specifics() -> None:
    """The server writes it behind what the user wrote."""
    text = (
        "<job_specifics> -n 3 <cpus> 2 </cpus> <repository> a@b:/c </repository> "
        "<repository_url> https://x/y </repository_url> </job_specifics>"
    )

    job = read_job(text)

    assert (job.specifics, job.repository_url) == ("-n 3 <cpus> 2 </cpus>", "https://x/y")


def test_files_of_the_server_are_not_shown() -> None:
    """They are none of the user's."""
    text = (
        "<repository_content> <file> <file_name> .LGI_repository_write_access </file_name> </file> "
        "<file> <file_name> .profile </file_name> <size> 4 </size> <date> 10.75 </date> </file> "
        "</repository_content>"
    )

    (file,) = read_details(text).files

    assert (file.name, file.size, file.changed.timestamp()) == (".profile", 4, 10)


@pytest.mark.parametrize(
    ("output", "shown"),
    [
        (b"a\n[LGI: exit code 0]\n", b"a\n"),
        (b"[LGI: exit code 3]", b""),
        (b"a\n[LGI: exit code 124: time limit of 3 s exceeded]\n", b"a\n"),
        (b"a\n[LGI: not stored: out/ (directory)]\n[LGI: exit code 0]\n", b"a\n"),
        (b"[LGI: no exit code: NODE_FAIL]\n", b""),
        (b"Hello", b"Hello"),
        (b"x [LGI: exit code 3]", b"x [LGI: exit code 3]"),
        (b"[LGI: exit code 3]\nmore", b"[LGI: exit code 3]\nmore"),
        (b"", b""),
    ],
)
def test_the_line_for_older_programs_is_not_shown(output: bytes, shown: bytes) -> None:
    """It is cut from the output, and no exit code is read out of it."""
    result = ended(output)

    assert (result.output, result.exit_code, result.outcome, result.ok) == (shown, None, "unknown", False)


@pytest.mark.parametrize(
    ("state", "fields", "code", "outcome", "text"),
    [
        ("finished", end_fields(0), 0, "succeeded", "finished, exit code 0"),
        ("finished", end_fields(3, reason="why"), 3, "failed", "finished, exit code 3: why"),
        ("finished", end_fields(signal=15), 143, "failed", "finished, killed by signal 15"),
        ("finished", "", 3, "unknown", "finished, exit code unknown"),
        ("aborted", "", 1, "failed", "aborted"),
        ("aborted", end_fields(0), 1, "failed", "aborted, exit code 0"),
        ("aborted", end_fields(2), 2, "failed", "aborted, exit code 2"),
        ("running", "", 3, None, "running"),
    ],
)
def test_the_end_of_a_job_is_in_fields(
    state: str, fields: str, code: int, outcome: str | None, text: str
) -> None:
    """Lists have these fields, as all details have."""
    end = read_job(f"<job_id> 7 </job_id> <state> {state} </state> {fields}").end

    assert (end.code, end.outcome, end.text) == (code, outcome, text)


def test_an_aborted_job_has_not_succeeded() -> None:
    """Its output does not count."""
    assert not ended(b"fine", "aborted").ok


def test_output_is_text_whatever_it_is() -> None:
    """Bytes that are not UTF-8 can be shown too."""
    assert ended(b"h\xc3\xa4\xff").text == "hä\ufffd"


@pytest.mark.parametrize("stamp", ["", "x", "9" * 30])
def test_a_time_out_of_all_bounds_is_the_beginning_of_time(stamp: str) -> None:
    """A server's mistake breaks no list."""
    assert parse_time(stamp).year == 1970


def test_a_resource_says_what_it_offers() -> None:
    """The elements of its capabilities, by name."""
    resource = read_resource(
        "<resource_name> r </resource_name> <last_call_time> 60 </last_call_time>"
        "<resource_capabilities> <a> 1 </a> <b> </b> </resource_capabilities>"
    )

    assert (resource.name, resource.applications, resource.last_call.minute) == ("r", ("a", "b"), 1)
