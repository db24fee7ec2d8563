"""The error numbers, which are protocol."""

import pytest

from lgi_protocol.errors import ErrorNumber, LGIError, ServerError

TOO_BIG = {
    45: "state",
    46: "application",
    47: "job_id",
    48: "start",
    49: "limit",
    50: "target_resources",
    51: "read_access",
    52: "write_access",
    53: "job_specifics",
    54: "input",
    55: "output",
    56: "groups",
    57: "user",
    58: "project",
    59: "version",
    60: "servers",
    61: "update",
    62: "session_id",
    63: "resource_name",
    69: "capabilities",
    71: "owners",
}
MISSING = {
    8: "session_id",
    18: "application",
    19: "job_id",
    25: "state",
    26: "owners",
    27: "target_resources",
    31: "groups",
    32: "user",
    40: "version",
    43: "resource_name",
}


def test_all_73_numbers_are_there() -> None:
    """From back-off to unacceptable capabilities, without a hole."""
    assert sorted(ErrorNumber) == list(range(1, 74))


@pytest.mark.parametrize(("number", "field"), TOO_BIG.items())
def test_a_field_that_is_too_big_has_its_number(number: int, field: str) -> None:
    """And its message names the field."""
    assert ErrorNumber(number).name.endswith("_TOO_BIG")
    assert ErrorNumber(number).message.startswith(f"{field} is too big")


@pytest.mark.parametrize(("number", "field"), MISSING.items())
def test_a_field_that_is_missing_has_its_number(number: int, field: str) -> None:
    """And its message names the field."""
    assert ErrorNumber(number).message.startswith(f"{field} is missing")


@pytest.mark.parametrize(
    ("name", "number"),
    {
        "BACK_OFF": 1, "CERTIFICATE": 2, "DATABASE": 3, "PROJECT_UNKNOWN": 4, "RESOURCE_UNKNOWN": 5,
        "MASTER": 6, "STALE_LOCKS_SESSION": 7, "CHECK_LOCKS_SESSION": 9, "UNLOCK_SESSION": 10,
        "LOCK_SESSION": 11, "SEVERAL_LOCKS": 12, "NO_LOCK": 13, "NOT_YOUR_LOCK": 14, "NO_JOB": 15,
        "NO_SESSION": 16, "HOLDS_LOCKS": 17, "NOT_LOCKED": 20, "NOT_A_TARGET": 21, "CANNOT_LOCK": 22,
        "CANNOT_UNLOCK": 23, "NOT_VISIBLE": 24, "NO_TARGET": 28, "OWNERS_REFUSED": 29, "USER_DIFFERS": 30,
        "SUBMIT_REFUSED": 33, "READ_REFUSED": 34, "MODIFY_REFUSED": 35, "INTERFACE_LOCK": 36,
        "PROJECT_REFUSED": 37, "GROUPS_REFUSED": 38, "NOT_A_SERVER": 39, "UPDATE": 41,
        "NO_SESSION_TO_END": 42, "SESSION_NOT_MADE": 44, "FILE_TOO_BIG": 64, "POST_TOO_BIG": 65,
        "FORGERY": 66, "BROWSER_SESSION": 67, "UPLOAD": 68, "APPLICATION_UNKNOWN": 70, "SPECIFICS_XML": 72,
        "CAPABILITIES_XML": 73,
    }.items(),
)  # fmt: skip
def test_every_other_fault_has_its_number(name: str, number: int) -> None:
    """Old clients decide by these numbers."""
    assert ErrorNumber[name] == number


def test_messages_tell_errors_apart() -> None:
    """No two numbers say the same."""
    assert len({number.message for number in ErrorNumber}) == 73


def test_a_refusal_says_with_which_value() -> None:
    """The detail follows the default wording."""
    refused = LGIError(ErrorNumber.NO_JOB, "job 7")

    assert refused.message == "There is no such job: job 7"
    assert str(refused) == "There is no such job: job 7 (LGI error 15)"
    assert LGIError(ErrorNumber.NO_JOB).message == "There is no such job"
    assert LGIError(ErrorNumber.BACK_OFF).timeout == 10


@pytest.mark.parametrize("number", [0, 2, 3, 15, 73, 99, 1])
def test_only_number_1_is_a_back_off(number: int) -> None:
    """Unknown numbers of newer servers are errors like others."""
    assert ServerError(number, "x").back_off == (number == 1)
