"""The lines of LGI_top: pure functions of what a server has said and of the size of the screen."""

from collections.abc import Sequence
from datetime import UTC, datetime

from lgi_protocol.value_object import value_object
from lgi_tools.cli import progress_text
from lgi_tools.client.job import Job
from lgi_tools.client.job_array import JobArray
from lgi_tools.client.job_end import Outcome
from lgi_tools.client.resource import Resource
from lgi_tools.client.text import one_line
from lgi_tools.commands import explain, explain_waits, qstat_long
from lgi_tools.commands.top_board import Board

# A text and its style (`cli.screen.COLORS`).
Line = tuple[str, str]
HEADER = ("job", "name", "state", "application", "resource", "waited", "ran")
HELP = "q quit  t tail  e explain  a abort  h hold/release  r refresh"
# The most characters of each column but the last ones.
_WIDTHS = (9, 20, 40, 16, 20, 8, 8)
_COLORS = {Outcome.FAILED: "red", Outcome.SUCCEEDED: "green", Outcome.UNKNOWN: "yellow"}
# Below so many lines the resources are left out, above they take up to a third.
_LOW = 12


@value_object
class Row:
    """A line of the table, and the job or the array that it is about."""

    about: Job | JobArray
    cells: tuple[str, ...]
    style: str

    @property
    def key(self) -> tuple[bool, int]:
        """What the row is about, also after the next answer of the server."""
        return isinstance(self.about, JobArray), self.about.id

    @property
    def text(self) -> str:
        """The line, without control characters."""
        cells = (one_line(cell)[:width] for cell, width in zip(self.cells, _WIDTHS, strict=True))
        return "  ".join(cell.ljust(width) for cell, width in zip(cells, _WIDTHS, strict=True)).rstrip()


def rows(board: Board) -> list[Row]:
    """Return the lines of the arrays, then those of the jobs."""
    return [*map(_array, board.arrays), *(_job(job, board.read_at) for job in board.jobs)]


def _array(array: JobArray) -> Row:
    left = progress_text.left(array.progress)
    state = progress_text.short(array.progress) + (f", {left} left" if left else "")
    cells = (f"{array.id}[]", array.name, state, array.application, "", "", "")
    return Row(array, cells, "red" if array.progress.failed else "")


def _job(job: Job, now: datetime) -> Row:
    style = _COLORS[job.end.outcome] if job.end.outcome else "bold" if job.started_at else ""
    return Row(job, qstat_long.cells(job, int(now.timestamp()))[: len(HEADER)], style)


def title(board: Board) -> list[str]:
    """Return the lines above all others."""
    counts = ", ".join(f"{number} {state}" for state, number in board.counts().items())
    arrays = f"{len(board.arrays)} arrays, " if board.arrays else ""
    return [
        one_line(f"LGI_top  {board.user} at {board.server}  {board.read_at.astimezone():%H:%M:%S}"),
        one_line(f"{arrays}{counts or 'no jobs'}"),
    ]


def resource_lines(board: Board) -> list[str]:
    """Return a line for each resource: how many of the jobs run there, and whether it takes more."""
    return [_resource(board, one) for one in sorted(board.resources, key=lambda one: one.name)]


def _resource(board: Board, one: Resource) -> str:
    called = f"called {explain_waits.age(board.read_at - one.last_call)} ago"
    state = "may be down, " if explain.is_silent(one, board.read_at) else ""
    if one.drained_since:
        state = f"drained{f': {one.drain_reason}' if one.drain_reason else ''}, "
    elif reasons := explain.closures(one):
        state = f"{'; '.join(reasons)}, "
    return one_line(f"{one.name[:24]:24}  {board.running_on(one.name):4} running  {state}{called}")


def whole(board: Board) -> list[str]:
    """Return everything as lines, for a pipe."""
    table = ["", Row(_NOTHING, HEADER, "").text, *(row.text for row in rows(board))]
    return [*title(board), "", *resource_lines(board), *table]


def screen(board: Board | None, chosen: int, height: int, message: str, fault: str) -> list[Line]:
    """Return the lines of a screen; ``chosen`` is the number of the row that the keys are about.

    ``message`` is in the last line, in place of the keys, and ``fault`` says why the server does not answer.
    """
    if board is None:
        head: list[Line] = [("LGI_top", "bold"), (one_line(fault or "asking the server ..."), "red")]
        return [*head[: max(1, height - 1)], (one_line(message or HELP), "")]
    first, counts = title(board)
    head = [(first, "bold"), (one_line(fault) if fault else counts, "red" if fault else "")]
    if height >= _LOW:
        shown = resource_lines(board)[: height // 3]
        head += [("", ""), *((line, "") for line in shown), ("", "")]
    if height > len(head) + 2:
        head.append((f"  {Row(_NOTHING, HEADER, '').text}", "bold"))
    head = head[: max(0, height - 2)]
    body = _window(rows(board), chosen, max(0, height - len(head) - 1))
    padding: list[Line] = [("", "")] * (height - len(head) - len(body) - 1)
    return [*head, *body, *padding, (one_line(message or HELP), "")]


def _window(found: Sequence[Row], chosen: int, height: int) -> list[Line]:
    """Return so many lines that the chosen one is among them."""
    begin = max(0, min(chosen - height // 2, len(found) - height))
    return [
        (f"{'>' if place == chosen else ' '} {row.text}", _styled(row, is_chosen=place == chosen))
        for place, row in list(enumerate(found))[begin : begin + height]
    ]


def _styled(row: Row, *, is_chosen: bool) -> str:
    return f"{row.style} reverse" if is_chosen else row.style


_NOTHING = Job(0, "", "", (), (), (), (), "", "", datetime.fromtimestamp(0, UTC))
