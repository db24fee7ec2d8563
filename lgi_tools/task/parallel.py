"""Process one list in several threads, each with its own connections."""

import queue
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Generic, TypeVar

from lgi_tools.client.project import Project
from lgi_tools.client.settings import Settings

_One = TypeVar("_One")
_Result = TypeVar("_Result")


class _Shared(Generic[_One]):
    """An iterator shared by several threads, which ends when it is stopped."""

    def __init__(self, things: Iterable[_One]) -> None:
        self._things = iter(things)
        self._lock = threading.Lock()
        self.stopped = False

    def __iter__(self) -> Iterator[_One]:
        return self

    def __next__(self) -> _One:
        with self._lock:
            if self.stopped:
                raise StopIteration
            return next(self._things)


def map_parallel(
    things: Iterable[_One],
    work: Callable[[Iterator[_One], Callable[[_Result], None]], None],
    hands: int,
) -> Iterator[_Result]:
    """Run ``work`` in ``hands`` threads and yield the results it reports.

    ``work`` gets an iterator over the things and the function that reports a result. The first error of a
    thread is raised after all threads have ended; so is an interrupt.
    """
    shared = _Shared(things)
    results: queue.SimpleQueue[tuple[bool, _Result | BaseException | None]] = queue.SimpleQueue()

    def hand() -> None:
        try:
            work(shared, lambda one: results.put((True, one)))
        except BaseException as error:  # noqa: BLE001 - raised in the thread that asked
            shared.stopped = True
            results.put((False, error))
        else:
            results.put((False, None))

    threads = [threading.Thread(target=hand, daemon=True) for _ in range(hands)]
    for thread in threads:
        thread.start()
    failed: BaseException | None = None
    left = hands
    try:
        while left:
            is_result, one = results.get()
            if is_result:
                yield one  # type: ignore[misc]
            else:
                left -= 1
                failed = failed or one  # type: ignore[assignment]
    finally:
        shared.stopped = True
        for thread in threads:
            thread.join()
    if failed:
        raise failed


def map_projects(
    chosen: Settings, folders: Sequence[Path], hands: int, act: Callable[[Project, Path], _Result]
) -> Iterator[_Result]:
    """Yield the result of ``act`` for each folder, in any order; each thread opens its own project."""

    def work(mine: Iterator[Path], report: Callable[[_Result], None]) -> None:
        with Project.of(chosen) as project:
            for folder in mine:
                report(act(project, folder))

    return map_parallel(folders, work, most(hands, folders))


def most(hands: int, folders: Sequence[Path]) -> int:
    """Return the number of threads: not more than folders, at least 1."""
    return max(1, min(hands, len(folders)))
