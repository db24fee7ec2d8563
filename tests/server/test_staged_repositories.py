"""Repositories on another host, which are created before the transaction that stores their jobs."""

from collections.abc import Callable, Sequence

import pytest

from lgi_protocol.errors import LGIError
from lgi_server.storage.repository import NewRepository
from lgi_server.storage.staging import RepositoryNotReadyError, StagedRepository


class Host:
    """Remembers what there is."""

    def __init__(self) -> None:
        self.there: list[str] = []
        self.made = 0

    def new_name(self) -> str:
        return "never asked"

    def create(self, name: str, new: NewRepository) -> None:
        self.there.append(name)
        self.made += 1

    def check(self, new: NewRepository) -> None:
        """Any will do."""

    def create_all(self, wanted: Sequence[NewRepository]) -> tuple[str, ...]:
        names = tuple(f"many{number}" for number, _new in enumerate(wanted))
        for name, new in zip(names, wanted, strict=True):
            self.create(name, new)
        return names

    def remove(self, name: str) -> None:
        if name in self.there:
            self.there.remove(name)


def submit(ahead: StagedRepository, writers: Sequence[str] = ("admin",)) -> str:
    """What a transaction does with a store."""
    name = ahead.new_name()
    ahead.create(name, NewRepository(tuple(writers), ()))
    return name


def prepared() -> tuple[Host, StagedRepository]:
    """A request whose transaction has come to the point where the repository is wanted."""
    host = Host()
    ahead = StagedRepository(host)
    with pytest.raises(RepositoryNotReadyError):
        submit(ahead)
    assert host.there == []
    return host, ahead


def test_a_repository_is_made_between_two_runs_of_the_same_work() -> None:
    """The second run finds it, under the same name."""
    host, ahead = prepared()

    name = ahead.create_and_run(lambda: submit(ahead))

    assert host.there == [name]


def test_work_that_is_done_again_makes_no_second_repository() -> None:
    """The database may ask for it; what it takes back is taken again."""
    host, ahead = prepared()

    def twice() -> str:
        ahead.remove(submit(ahead))
        return submit(ahead)

    name = ahead.create_and_run(twice)

    assert (host.there, host.made) == ([name], 1)


def refused(ahead: StagedRepository) -> str:
    """Work that is refused before it wants the repository."""
    raise LookupError


def undone(ahead: StagedRepository) -> str:
    """Work that is rolled back after it had the repository."""
    ahead.remove(submit(ahead))
    raise LookupError


@pytest.mark.parametrize("work", [refused, undone])
def test_a_repository_that_the_second_run_does_not_keep_is_removed(
    work: Callable[[StagedRepository], str],
) -> None:
    """A rule may have changed meanwhile."""
    host, ahead = prepared()

    with pytest.raises(LookupError):
        ahead.create_and_run(lambda: work(ahead))

    assert host.there == []


def test_a_commit_whose_answer_is_lost_keeps_the_repository() -> None:
    """The job may be there, and then it needs its files."""
    host, ahead = prepared()

    def lost() -> str:
        submit(ahead)
        raise ConnectionError

    with pytest.raises(ConnectionError):
        ahead.create_and_run(lost)

    assert len(host.there) == 1


def test_a_second_run_with_other_writers_is_told_to_come_back() -> None:
    """Error 1, and the repository with the wrong access list goes."""
    host, ahead = prepared()

    with pytest.raises(LGIError) as error:
        ahead.create_and_run(lambda: submit(ahead, ("admin", "chem")))

    assert error.value.number == 1
    assert host.there == []


def test_many_repositories_are_made_at_once() -> None:
    """They are created between both runs of the work, and removed if the second does not use them."""
    host = Host()
    wanted = [NewRepository((f"user{number}",), ()) for number in range(3)]

    def submit_many(ahead: StagedRepository, give_back: int) -> tuple[str, ...]:
        names = ahead.create_all(wanted)
        for name in names[:give_back]:
            ahead.remove(name)
        return names

    for give_back, left in ((0, 3), (3, 0)):
        host.there.clear()
        ahead = StagedRepository(host)
        with pytest.raises(RepositoryNotReadyError):
            submit_many(ahead, give_back)
        assert host.there == []
        names = ahead.create_and_run(lambda ahead=ahead, give_back=give_back: submit_many(ahead, give_back))
        assert names == ("many0", "many1", "many2")
        assert len(host.there) == left
