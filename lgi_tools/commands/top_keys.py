"""The keys of LGI_top: what each does to the screen and to the chosen job."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime

from lgi_protocol.states import State
from lgi_tools.cli.screen import Screen
from lgi_tools.client.job import Job
from lgi_tools.client.job_array import JobArray
from lgi_tools.client.project import Project
from lgi_tools.client.text import one_line
from lgi_tools.commands import explain, top_view
from lgi_tools.commands.top_feed import Feed, Task
from lgi_tools.commands.top_view import Row

# Seconds between two looks at the size of the terminal and at what the server has said.
_LOOK = 0.2
_MOVES = {"up": -1, "k": -1, "down": 1, "j": 1, "home": -(10**9), "g": -(10**9), "end": 10**9, "G": 10**9}


class Top:
    """The screen until the user quits."""

    def __init__(self, screen: Screen, feed: Feed, tail: Callable[[int], object]) -> None:
        """Show what the feed brings; ``tail`` prints the output of a job, line by line."""
        self._screen, self._feed, self._tail = screen, feed, tail
        # The rows that the user sees: a key is about these, also when the server has said more since.
        self._rows: list[Row] = []
        self._chosen = 0
        self._key: tuple[bool, int] | None = None
        self._message = ""
        self._page: Sequence[str] = ()
        # What is done when the question in the message is answered with y.
        self._asked: Task | None = None

    def run(self) -> None:
        """Draw, and do what keys say. Returns when the user quits, or the terminal is gone."""
        with suppress(EOFError):
            while True:
                self._take_answers()
                self._draw()
                for key in self._screen.keys(_LOOK):
                    if key == "q" and not self._asked and not self._page:
                        return
                    self._press(key)

    def _take_answers(self) -> None:
        while not self._feed.said.empty():
            lines = self._feed.said.get()
            self._message = lines[0] if len(lines) == 1 else ""
            self._page = lines if len(lines) > 1 else ()

    def _draw(self) -> None:
        _, height = self._screen.size()
        if self._page:
            shown = [(one_line(line), "") for line in self._page[: max(1, height - 1)]]
            self._screen.draw([*shown, ("any key: back", "bold")])
            return
        news = self._feed.news
        self._rows = top_view.rows(news.board) if news.board else []
        places = {row.key: place for place, row in enumerate(self._rows)}
        self._choose(places.get(self._key, self._chosen) if self._key else 0)
        self._screen.draw(top_view.screen(news.board, self._chosen, height, self._message, news.fault))

    def _choose(self, place: int) -> None:
        self._chosen = max(0, min(place, len(self._rows) - 1))
        self._key = self._rows[self._chosen].key if self._rows and (self._key or place) else None

    def _press(self, key: str) -> None:
        if self._page:
            self._page = ()
            return
        asked, self._asked, self._message = self._asked, None, ""
        if asked:
            self._message = "... " if key == "y" else "nothing is done"
            if key == "y":
                self._feed.do(asked)
        elif key in _MOVES or key.startswith("page "):
            page = self._screen.size()[1] // 2
            by = _MOVES.get(key) or (page if key == "page down" else -page)
            self._key = self._rows[self._chosen].key if self._rows else None
            self._choose(self._chosen + by)
        elif key == "r":
            self._feed.refresh()
        elif self._rows:
            self._act(key, self._rows[self._chosen].about)

    def _act(self, key: str, about: Job | JobArray) -> None:
        if key == "t" and isinstance(about, JobArray):
            self._message = f"LGI_tail --array {about.id} -f prints the output of its elements"
        elif key == "t":
            with self._screen.suspended():
                self._tail(about.id)
        elif key == "e":
            self._explain(about)
        elif key == "a":
            self._ask(about)
        elif key == "h":
            self._feed.do(_holding(about))

    def _explain(self, about: Job | JobArray) -> None:
        if isinstance(about, JobArray):
            self._message = f"LGI_explain --array {about.id} explains its elements"
        else:
            self._message = "asking ..."
            self._feed.do(lambda project: [*explain.lines_of(project, about.id, datetime.now(UTC)), ""])

    def _ask(self, about: Job | JobArray) -> None:
        if isinstance(about, Job) and about.ended:
            self._message = f"job {about.id} has ended; LGI_qdel {about.id} deletes it"
            return
        self._asked = _abortion(about)
        what = (
            f"all elements of array {about.id} that have not ended" if _is_array(about) else f"job {about.id}"
        )
        self._message = f"Abort {what}? y: yes, any other key: no"


def _is_array(about: Job | JobArray) -> bool:
    return isinstance(about, JobArray)


def _elements(project: Project, about: Job | JobArray) -> list[Job]:
    """Return the jobs that a row stands for, as they are now."""
    found = project.jobs(array=about.id) if isinstance(about, JobArray) else [project.job(about.id)]
    return [job for job in found if not job.ended]


def _abortion(about: Job | JobArray) -> Task:
    def abort(project: Project) -> list[str]:
        jobs = _elements(project, about)
        gone = [project.delete(job) for job in jobs]
        return [f"{gone.count(True)} jobs are deleted, {gone.count(False)} are being aborted"]

    return abort


def _holding(about: Job | JobArray) -> Task:
    def hold(project: Project) -> list[str]:
        queued = [job for job in _elements(project, about) if job.state == State.QUEUED]
        held = [job for job in queued if any(one.reason == "user" for one in job.holds)]
        outcomes = project.release(held) if held else project.hold(queued)
        refused = [f"job {one.job_id}: {one.error}" for one in outcomes if one.error]
        word = "released" if held else "held"
        return refused[:1] or [f"{len(outcomes)} jobs are {word}" if outcomes else "no queued job to hold"]

    return hold
