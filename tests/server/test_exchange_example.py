"""The exchange that docs/wire.md shows is answered as it says."""

import re
from pathlib import Path

from lgi_protocol import xml
from lgi_protocol.exchange import Exchange, Reference, Want
from tests.support.exchanges import HELLO, daemon
from tests.support.grid import Grid

WIRE = Path(__file__).parents[2] / "docs" / "wire.md"
STAMP = "1700000000"


def example() -> tuple[str, str]:
    """The posted text and the answer: the two blocks with the number of job 7."""
    found = re.findall(r"^```text\n(.*?)^```", WIRE.read_text("utf-8"), re.DOTALL | re.MULTILINE)
    posted, answered = (block for block in found if "7" * 32 in block)
    return posted, answered


def renumbered(text: str, numbers: dict[str, str]) -> str:
    """The text with other numbers of jobs."""
    return re.sub(r"<job_id> (\d+) <", lambda match: f"<job_id> {numbers[match[1]]} <", text)


def tags(text: str) -> list[str]:
    """All tags in their order."""
    return re.findall(r"<[^>]+>", text)


def values(text: str, *path: str) -> list[str]:
    """The elements of the first item of a list, as text with time stamps that are alike."""
    found = xml.find(text, *path)
    assert found is not None
    return [re.sub(r"\d{10}", STAMP, one.text) for one in xml.elements(found.inside)]


def test_the_example_of_the_reference_is_answered_as_it_shows(grid: Grid) -> None:
    """Tag by tag, with the values of the report, the hold and the new job."""
    user, one = grid.user(), daemon(grid)
    posted, answered = example()
    jobs = [user.submit(input="3431", job_specifics="<walltime> 60 </walltime>") for _ in range(3)]
    references = tuple(Reference(digit * 32) for digit in "78")
    one.post(Exchange(wants=(Want(HELLO, 2),), references=references))
    user.delete(jobs[1])
    numbers = dict(zip("789", map(str, jobs), strict=True))
    fields = {"project": "LGI", "daemon": one.number, "exchange": renumbered(posted, numbers)}

    content = one.calls.client.post("resources/resource_exchange", fields).content

    answer = renumbered(content, {job: number for number, job in numbers.items()})
    answer = answer[answer.index("<reports>") :]
    assert tags(answer) == tags(answered)
    assert values(answer, "reports", "report") == values(answered, "reports", "report")
    held, shown = values(answer, "holds", "hold"), values(answered, "holds", "hold")
    assert (held[:4], held[5:]) == (shown[:4], shown[5:])
    given, example_job = values(answer, "job"), values(answered, "job")
    assert (given[:8], given[11:]) == (example_job[:8], example_job[11:])
