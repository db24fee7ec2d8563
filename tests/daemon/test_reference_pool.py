"""References for jobs to come: on disk before they are posted, and there until their job is."""

import logging
from pathlib import Path

import pytest

from lgi_daemon.rundir.reference_pool import MOST, SPARE, ReferencePool

PLACE = ("LGI", "https://master.test/LGI")
INVALID = b'[["a", "b", "../x", ""]]'
OTHER = ("LGI", "https://slave.test/LGI")


@pytest.fixture
def pool(tmp_path: Path) -> ReferencePool:
    """An empty one."""
    return ReferencePool(tmp_path / ".references")


def names(pool: ReferencePool, number: int, place: tuple[str, str] = PLACE) -> list[str]:
    """What an exchange posts for so many jobs; it is over."""
    provided = pool.provide(*place, number, None)
    pool.release(provided)
    return [one.reference for one in provided]


def next_pool(tmp_path: Path, recorded: tuple[str, ...] = ()) -> ReferencePool:
    """That of the next daemon, after kill -9."""
    pool = ReferencePool(tmp_path / ".references")
    pool.recover(recorded)
    return pool


def test_references_are_on_disk_when_they_are_provided(pool: ReferencePool, tmp_path: Path) -> None:
    """The next daemon posts all of them once, as jobs may have been given to them."""
    posted = names(pool, 3)

    found = names(next_pool(tmp_path), 0)

    assert len(set(posted)) == 3
    assert set(posted) <= set(found)
    assert len(found) == 3 + SPARE


def test_the_file_is_written_once_for_many_jobs(pool: ReferencePool, tmp_path: Path) -> None:
    """A flush to disk for each job would cost more than its exchange."""
    names(pool, 1)
    before = (tmp_path / ".references").stat().st_ino

    for _job in range(SPARE):
        (reference,) = names(pool, 1)
        assert pool.take(*PLACE, reference) is not None
        pool.forget(reference)

    assert (tmp_path / ".references").stat().st_ino == before


def test_a_reference_is_taken_once_and_by_its_server_only(pool: ReferencePool) -> None:
    """Two servers would give it a job each, and an answer may come twice."""
    (reference,) = names(pool, 1)

    taken = [pool.take(*OTHER, reference), pool.take(*PLACE, reference), pool.take(*PLACE, reference)]

    assert [one is not None for one in taken] == [False, True, False]
    assert reference not in names(pool, 5)
    assert not set(names(pool, 5)) & set(names(pool, 5, OTHER))


def test_a_taken_reference_stays_on_disk_until_it_is_forgotten(pool: ReferencePool, tmp_path: Path) -> None:
    """Its job has no record yet; the file may be written meanwhile."""
    (reference,) = names(pool, 1)
    pool.take(*PLACE, reference)
    names(pool, SPARE + 9)
    kept = reference in names(next_pool(tmp_path), 0)
    pool.forget(reference)
    names(pool, 2 * SPARE + 99)

    assert kept
    assert reference not in names(next_pool(tmp_path), 0)


def test_a_reference_with_a_record_is_used_up(pool: ReferencePool, tmp_path: Path) -> None:
    """A kill may come between the record and the next write of the file."""
    (reference,) = names(pool, 1)

    assert reference not in names(next_pool(tmp_path, (reference,)), 5)


def test_references_without_an_answer_are_posted_again(pool: ReferencePool) -> None:
    """Also when no job is wanted; after an answer they wait for the next job that is."""
    posted = names(pool, 2)
    pool.unanswered(posted)
    doubtful = names(pool, 0)
    pool.answered(posted)

    assert doubtful == posted
    assert names(pool, 0) == []
    assert names(pool, 1) == posted[:1]


def test_exchanges_under_way_have_no_reference_in_common(pool: ReferencePool) -> None:
    """Both would be answered with its job. The next one posts it again when one of them is over."""
    first, second = pool.provide(*PLACE, 3, None), pool.provide(*PLACE, 3, None)
    counts = [pool.count_reserved(*PLACE), pool.count_reserved(*OTHER)]
    pool.release(first)
    third = pool.provide(*PLACE, 3, None)

    assert not {*first} & {*second}
    assert third == first
    assert counts == [6, 0]


def test_references_of_a_lost_answer_are_posted_by_the_next_exchange_alone(pool: ReferencePool) -> None:
    """Jobs may be theirs: it posts all of them, and an exchange beside it has others."""
    lost = pool.provide(*PLACE, 2, None)
    beside = pool.provide(*PLACE, 1, None)
    pool.unanswered(one.reference for one in lost)
    pool.release(lost)

    assert pool.provide(*PLACE, 1, None) == lost
    assert not {*pool.provide(*PLACE, 5, None)} & {*lost, *beside}


def test_a_reference_of_a_job_that_has_come_is_reserved_no_more(pool: ReferencePool) -> None:
    """The job has its slot then."""
    first, _second = pool.provide(*PLACE, 2, None)

    pool.take(*PLACE, first.reference)

    assert pool.count_reserved(*PLACE) == 1


def test_keys_are_made_where_jobs_get_certificates(pool: ReferencePool) -> None:
    """A reference without one is not used there."""
    names(pool, 1)

    found = pool.provide(*PLACE, 2, lambda: "key")

    assert [one.key for one in found] == ["key", "key"]


def test_the_number_of_references_is_bounded(pool: ReferencePool) -> None:
    """A master may name servers without end; those that were asked last are kept."""
    for number in range(MOST // 200 + 5):
        names(pool, 200, ("LGI", f"https://s{number}.test/LGI"))

    assert len(names(pool, 200, ("LGI", "https://s0.test/LGI"))) == 200
    assert sum(len(names(pool, 0, ("LGI", f"https://s{number}.test/LGI"))) for number in range(30)) <= MOST


@pytest.mark.parametrize("damage", [b"", b"[]", b"[1]", b'[["LGI", "x"]]', b"\xff", INVALID])
def test_a_damaged_file_costs_the_references_only(
    tmp_path: Path, damage: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    """The server queues their jobs again when it gets no heartbeats; the daemon starts."""
    logging.getLogger("lgi_daemon").propagate = True
    (tmp_path / ".references").write_bytes(damage)

    assert names(next_pool(tmp_path), 0) == []
    assert ("cannot read" in caplog.text) == (damage not in {b"[]", INVALID})


def test_references_that_cannot_be_stored_are_not_provided(tmp_path: Path) -> None:
    """A kill would lose their jobs."""
    with pytest.raises(OSError, match="No such file"):
        names(ReferencePool(tmp_path / "missing" / ".references"), 1)
