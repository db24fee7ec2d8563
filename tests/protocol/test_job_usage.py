"""What a job has used: as text beside what it has asked for, and nonsense in it."""

import pytest

from lgi_protocol.job_usage import FIELDS, NO_USAGE, JobUsage, bounded, size, usage_of

ASKED = "<cpus> 4 </cpus> <memory> 2048 </memory>"


def test_a_usage_is_told_beside_what_was_asked_for() -> None:
    """A MB of a request has 1024 kB, and so has one that was used."""
    used = JobUsage(36_000_000, 312 * 2**20, 5 * 2**30)

    assert used.lines(ASKED, 18_000) == {
        "processor": "10h00m, 2 of 4 cores",
        "memory": "312 MB of 2 GB",
        "disk": "5 GB",
    }


def test_an_unknown_usage_is_not_told() -> None:
    """Nothing was asked for, and nobody knows how long it ran."""
    assert JobUsage(1234).lines("", None) == {"processor": "1.2s"}
    assert JobUsage(0, 0, 0).lines("", 0) == {"processor": "0s", "memory": "0 B", "disk": "0 B"}
    assert JobUsage(59_400).lines("", 30) == {"processor": "59s, 2 of 1 core"}
    assert NO_USAGE.lines(ASKED, 10) == {}


@pytest.mark.parametrize("text", ["-1", "x", "1e9", "٣", "1" + "0" * 30, str(2**62), "1.5"])
def test_nonsense_of_a_server_counts_as_unknown(text: str) -> None:
    """Values that no server accepts are not posted either."""
    assert usage_of(dict.fromkeys(FIELDS, text)) == NO_USAGE
    assert usage_of({"cpu_milliseconds": "7", "peak_memory": text, "disk_used": ""}) == JobUsage(7)
    assert bounded(JobUsage(-1, 2**62, 3)) == JobUsage(None, None, 3)


@pytest.mark.parametrize(
    ("number", "text"),
    [(999, "999 B"), (1023, "0.999 kB"), (1024, "1 kB"), (300 * 2**20, "300 MB"), (2**40, "1 TB")],
)
def test_sizes_have_three_digits(number: int, text: str) -> None:
    """None has four, as 1023 B would."""
    assert size(number) == text
