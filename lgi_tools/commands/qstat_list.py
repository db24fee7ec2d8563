"""The list of jobs of LGI_qstat, fetched page by page."""

import itertools
from collections.abc import Callable, Iterator

from lgi_protocol import xml
from lgi_protocol.reply import Reply
from lgi_tools.cli import output_json, terminal
from lgi_tools.cli.output_json import OutputFormat, Values
from lgi_tools.cli.output_text import date, line, project_lines
from lgi_tools.cli.session import UserCalls, translate_errors
from lgi_tools.client.job_end import JobEnd, Outcome
from lgi_tools.client.selection import SHOW, check_known

PAGE = 1024
WIDTHS = (4, 6, 12, 36, 16, 24, 12)
HEADER = ("#", "job_id", "state", "target_resources", "application", "time_stamp", "owners")
RULE = "-" * 131 + "\n"
_ROW = " " + " | ".join(f"%{width}s" for width in WIDTHS)
# The elements of a job that are its columns, after its number in the list.
_TIME = "state_time_stamp"
_COLUMNS = tuple(_TIME if name == "time_stamp" else name for name in HEADER[1:])


# Returns whether a job is listed; the argument is the content of its <job>.
JobFilter = Callable[[str], bool]


def everything(_text: str) -> bool:
    """Select every job."""
    return True


def ended(outcome: Outcome) -> JobFilter:
    """Return the filter for jobs with this outcome, since older servers cannot select by outcome."""
    return lambda text: JobEnd.of(text).outcome is outcome


class JobPager:
    """The jobs on a server, fetched page by page, each job once."""

    def __init__(
        self, calls: UserCalls, fields: dict[str, str], newest: int = 0, selects: JobFilter = everything
    ) -> None:
        """Select jobs.

        ``fields`` may have the state and application. A ``newest`` above 0 selects so many jobs that changed
        last; ``selects`` is applied to the jobs of the answer.
        """
        self._calls = calls
        self._fields = fields
        self._newest = newest
        self._selects = selects
        self.last: Reply | None = None
        self.listed = 0

    def pages(self) -> Iterator[list[tuple[int, str]]]:
        """Yield the jobs page by page: the number in the list, from 1, and the content of the ``<job>``."""
        seen: set[str] = set()
        for start in itertools.count(self._begin(), PAGE):
            self.last = fetch(self._calls, self._fields, start, PAGE)
            # The pages are not a snapshot: a job that changed meanwhile appears again on a later page.
            new = {xml.value(text, "job_id"): text for text in self.last.all("job")}
            new = {job_id: text for job_id, text in new.items() if job_id not in seen}
            if not new:
                return
            seen.update(new)
            chosen = [text.strip() for text in new.values() if self._selects(text)]
            yield list(enumerate(chosen, self.listed + 1))
            self.listed += len(chosen)

    def _begin(self) -> int:
        if not self._newest:
            return 0
        return max(0, fetch(self._calls, self._fields, 0, 0).number("number_of_jobs") - self._newest)


def fetch(calls: UserCalls, fields: dict[str, str], start: int, limit: int) -> Reply:
    """Fetch one page of the list. With limit 0 the answer has the number of jobs only."""
    page = {"start": str(start), "limit": str(limit)}
    reply = calls.call("job_state", fields | page, "number_of_jobs", "job")
    with translate_errors():
        check_known(calls.server, fields, reply)
    return reply


def show(
    calls: UserCalls,
    fields: dict[str, str],
    shape: OutputFormat,
    newest: int = 0,
    selects: JobFilter = everything,
) -> None:
    """Print the jobs as a table, as ``<job>`` elements numbered over all pages, or as JSON."""
    more = {} if shape is OutputFormat.XML else SHOW
    pages = JobPager(calls, fields | more, newest, selects)
    documents: list[str] = []
    if shape is OutputFormat.TEXT:
        terminal.show("\n" + RULE + row(HEADER) + RULE)
    for page in pages.pages():
        if shape is OutputFormat.JSON:
            documents.append(output_json.items([output_json.job(text) for _number, text in page]))
        elif shape is OutputFormat.XML:
            terminal.show("".join(f"<job number='{number}'> {text} </job> " for number, text in page))
        else:
            terminal.show("".join(row(_cells(number, text)) for number, text in page))
    if pages.last is None:
        return
    if shape is OutputFormat.JSON:
        output_json.show_list(_counted(pages.last, pages.listed), "jobs", documents)
    elif shape is OutputFormat.XML:
        terminal.show(raw_trailer(pages.last, pages.listed))
    else:
        listed = line("Number of jobs listed", str(pages.listed))
        terminal.show(f"{RULE}\n{listed}{project_lines(pages.last)}\n")


def count(calls: UserCalls, fields: dict[str, str], shape: OutputFormat) -> None:
    """Print the number of jobs."""
    reply = fetch(calls, fields, 0, 0)
    number = reply.number("number_of_jobs")
    if shape is OutputFormat.JSON:
        output_json.show(_counted(reply, number))
    elif shape is OutputFormat.XML:
        terminal.show(raw_trailer(reply, number))
    else:
        terminal.show("\n" + line("Number of jobs found", str(number)) + project_lines(reply) + "\n")


def _counted(reply: Reply, jobs: int) -> Values:
    return output_json.caller(reply) | {"number_of_jobs": jobs}


def row(cells: tuple[str, ...]) -> str:
    """Return one line of the table; a value longer than its column shifts the rest."""
    line = _ROW % cells
    return f"{line if line.isprintable() else _ROW % tuple(map(terminal.value, cells))}\n"


def _cells(number: int, text: str) -> tuple[str, ...]:
    values = xml.values(text, *_COLUMNS)
    if "<hold>" in text:
        values["state"] = "held"
    return (str(number), *(date(values[name]) if name == _TIME else values[name] for name in _COLUMNS))


def raw_trailer(reply: Reply, jobs: int) -> str:
    """Return the elements that follow the jobs in XML output, without a root element."""
    names = (
        "project",
        "project_master_server",
        "this_project_server",
        "user",
        "groups",
        "state",
        "application",
    )
    elements = [xml.Element(name, reply.value(name)) for name in names]
    elements.append(xml.Element("number_of_jobs", jobs))
    return "".join(f"{xml.write(element)} " for element in elements) + "\n"
