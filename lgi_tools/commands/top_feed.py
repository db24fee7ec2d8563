"""What LGI_top asks a server, on a thread of its own: the screen goes on while the server does not answer."""

import queue
import threading
from collections.abc import Callable
from datetime import datetime

from lgi_protocol.errors import ServerError, TransportError
from lgi_protocol.value_object import value_object
from lgi_tools.client.project import Project
from lgi_tools.client.transfer_error import TransferError
from lgi_tools.commands.top_board import Board

# Makes calls and returns what there is to say of them.
Task = Callable[[Project], list[str]]


@value_object
class News:
    """The newest answer, None before the first, and why there is none now, or empty text."""

    board: Board | None = None
    fault: str = ""


class Feed:
    """Asks again and again, and does tasks in between; only its thread uses the project."""

    def __init__(self, project: Project, read: Callable[[Project], Board], interval: float) -> None:
        """Begin to ask, every ``interval`` seconds."""
        self.news = News()
        self.said: queue.SimpleQueue[list[str]] = queue.SimpleQueue()
        self._project, self._read, self._interval = project, read, interval
        self._tasks: queue.SimpleQueue[Task | None] = queue.SimpleQueue()
        threading.Thread(target=self._work, daemon=True).start()

    def do(self, task: Task) -> None:
        """Do a task soon; what it returns comes into ``said``."""
        self._tasks.put(task)

    def refresh(self) -> None:
        """Ask soon."""
        self._tasks.put(None)

    def _work(self) -> None:
        while True:
            self.news = self._ask()
            try:
                task = self._tasks.get(timeout=self._interval)
            except queue.Empty:
                continue
            if task is not None:
                self.said.put(self._done(task))

    def _ask(self) -> News:
        try:
            return News(self._read(self._project))
        except (ServerError, TransportError, ValueError) as error:
            before = self.news.board
            seen = f"; this is from {before.read_at.astimezone():%H:%M:%S}" if before else ""
            now = datetime.now().astimezone()
            return News(before, f"{now:%H:%M:%S} no answer from the server{seen}: {error}")

    def _done(self, task: Task) -> list[str]:
        try:
            return task(self._project)
        except (ServerError, TransportError, TransferError, ValueError, OSError) as error:
            return [str(error)]
