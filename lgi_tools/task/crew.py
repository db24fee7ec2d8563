"""Several threads, each with connections of its own, work on one list."""

import queue
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Generic, TypeVar

_One = TypeVar("_One")
_Told = TypeVar("_Told")


class _Shared(Generic[_One]):
    """Each thing of a list for one of several threads; nothing more once it is stopped."""

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


def together(
    things: Iterable[_One],
    work: Callable[[Iterator[_One], Callable[[_Told], None]], None],
    hands: int,
) -> Iterator[_Told]:
    """What ``work``, in so many threads, tells of the things it takes.

    The first error of a thread is raised, once all have ended what they were at; so when it is interrupted.
    """
    shared = _Shared(things)
    told: queue.SimpleQueue[tuple[bool, _Told | BaseException | None]] = queue.SimpleQueue()

    def hand() -> None:
        try:
            work(shared, lambda one: told.put((True, one)))
        except BaseException as error:  # noqa: BLE001 - raised in the thread that asked
            shared.stopped = True
            told.put((False, error))
        else:
            told.put((False, None))

    threads = [threading.Thread(target=hand, daemon=True) for _ in range(hands)]
    for thread in threads:
        thread.start()
    failed: BaseException | None = None
    left = hands
    try:
        while left:
            is_told, one = told.get()
            if is_told:
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
