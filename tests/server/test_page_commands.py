"""The command and the Python of the submit form: they submit what the form would submit."""

import shlex
from itertools import pairwise

import pytest

from tests.support.grid import Grid
from tests.support.pages import FROM_OURS, Browser, Page

pytestmark = pytest.mark.one_database
HOSTILE = "'; touch /tmp/x #\"</pre><script>alert(1)</script>"


@pytest.fixture
def offered(grid: Grid) -> Grid:
    """A project with a resource that offers an application."""
    grid.resource(capabilities="<vasp> </vasp>")
    return grid


def show(grid: Grid, files: tuple[tuple[str, bytes], ...] = (), **values: object) -> Page:
    """The form after its button to show the command."""
    browser = Browser(grid)
    groups = ["mark@laptop", "theor", "cyttron"]
    same = {"application": "vasp", "input": "", "groups": groups, "labels": "", "each_line": ""}
    fields = {**browser.get("submit").fields(), **same, **values}
    return browser.send("submit/commands", fields, files=[("files", one) for one in files])


def shown(page: Page) -> tuple[str, str]:
    """The command and the Python of a page."""
    texts = [one.text_content().strip() for one in page.tree.xpath("//*[@id='commands']//pre")]
    return ("", texts[0]) if len(texts) == 1 else (texts[0], texts[1])


class FakeProject:
    """Takes the arguments of the calls that a program makes."""

    def __init__(self, **settings: object) -> None:
        self.settings = settings
        self.calls: list[tuple[tuple[object, ...], dict[str, object]]] = []

    def submit(self, *given: object, **named: object) -> None:
        """Keep the arguments."""
        self.calls.append((given, named))

    submit_array = submit


def ran(program: str) -> tuple[tuple[object, ...], dict[str, object]]:
    """The arguments of the submit that a program makes."""
    made: list[FakeProject] = []

    def project(**settings: object) -> FakeProject:
        made.append(FakeProject(**settings))
        return made[-1]

    lines = program.replace("from lgi_tools import JobRequest, Project", "from lgi_tools import JobRequest")
    exec(lines.replace("from lgi_tools import Project\n", ""), {"Project": project})  # noqa: S102
    return made[0].calls[0]


def test_the_commands_have_all_that_was_typed(offered: Grid) -> None:
    """In the words of LGI_qsub and of Project.submit; the form keeps what was typed, and queues no job."""
    page = show(
        offered,
        (("a b.txt", b"x"), ("-c", b"x")),
        input="one\r\ntwo",
        request_cpus="4",
        request_walltime="2h",
        target_resources=["res1@cluster"],
        job_name="water",
        labels="T=300",
        retries="2",
        retry_on="exit 75",
        priority="5",
        after="7,102[]",
        read_access="bob",
        hold="1",
        deadline="2031-07-01T09:00",
        notify="end",
    )

    shell, python = shown(page)
    first, command = shell.split("\n", 2)[:2], shell.splitlines()[-1]
    words = shlex.split(command)
    given, named = ran(python)
    assert first[0].startswith("printf %s 'one")
    assert words[:5] == ["LGI_qsub", "-a", "vasp", "-i", "input.txt"]
    assert words[-3:] == ["--", "a b.txt", "-c"]
    pairs = dict(pairwise(words[5:]))
    expected = {
        **{"-s": "<cpus> 4 </cpus> <walltime> 7200 </walltime>", "-t": "res1@cluster", "--name": "water"},
        **{"--label": "T=300", "--retries": "2", "--retry-on": "exit 75", "--priority": "5", "-r": "bob"},
        **{"--after": "7, 102[]", "--deadline": "2031-07-01T09:00:00+00:00", "--notify": "end"},
    }
    assert {name: pairs[name] for name in expected} == expected
    assert "--hold" in words
    assert given == ("vasp",)
    assert named == {
        **{"input": "one\ntwo", "files": ["a b.txt", "-c"], "targets": ["res1@cluster"]},
        **{"specifics": expected["-s"], "read_access": ["bob"], "name": "water", "labels": {"T": "300"}},
        **{"hold": True, "after": ("7", "102[]"), "retries": 2, "retry_on": "exit 75", "priority": 5},
        **{"deadline": 1940662800, "notify": ("end",)},
    }
    assert page.tree.xpath("//input[@name='job_name']/@value") == ["water"]
    assert offered.rows("SELECT job_id FROM job_queue") == []


def test_hostile_words_stay_words(offered: Grid) -> None:
    """A name or the name of a file breaks out of no quote, in shell, Python and page."""
    page = show(offered, job_name=HOSTILE, input=HOSTILE, file_name=HOSTILE, groups=["theor"])

    shell, python = shown(page)
    assert "-G theor" in shell
    assert "Project(groups=['theor'])" in python
    words = shlex.split(shell)
    assert HOSTILE in words
    assert ran(python)[1]["name"] == HOSTILE
    assert page.tree.xpath("//script[not(@src)]") == []


def test_names_of_files_from_a_script_are_bounded(offered: Grid) -> None:
    """A script sends the names of the chosen files instead of the files: a hundred are shown."""
    shell, _python = shown(show(offered, file_name=["x" * 9000, *(f"f{number}" for number in range(300))]))

    assert len(shlex.split(shell)) == 3 + 100
    assert "x" * 256 not in shell


def test_an_array_is_submitted_by_python(offered: Grid) -> None:
    """Each element has its values in input and labels."""
    page = show(offered, array="1-2", each_line="a\nb c", input="{1} {2} {#}", labels="n={1}", at_most="2")

    shell, python = shown(page)
    (requests,), named = ran(python)
    assert shell == ""
    assert named == {"at_most": 2}
    made = {index: (one.input, dict(one.labels)) for index, one in requests.items()}  # type: ignore[attr-defined]
    assert made == {
        1: ("1 a 1", {"n": "1"}),
        2: ("1 b c 2", {"n": "1"}),
        3: ("2 a 3", {"n": "2"}),
        4: ("2 b c 4", {"n": "2"}),
    }


def test_the_files_of_another_job_are_fetched_first(offered: Grid) -> None:
    """As the check box of the form says, which is set in the form of a job like another one."""
    job_id = offered.user().submit(application="vasp")

    shell, python = shown(show(offered, like=str(job_id), with_files="1"))

    assert f"-d job_{job_id} {job_id}\n" in shell
    assert shell.endswith(f"job_{job_id}/*")
    assert f"project.files({job_id})" in python
    compile(python, "shown", "exec")


def test_wrong_fields_are_named_instead(offered: Grid) -> None:
    """As when the form is submitted; files of a job that the user may not read are refused too."""
    secret = offered.user("eve@desk", ("phys",)).submit(application="vasp")

    wrong = show(offered, retries="many")
    others = show(offered, like=str(secret), with_files="1")

    assert (wrong.status, others.status) == (400, 400)
    assert "retries" in wrong.tree.xpath("//*[@role='alert']")[0].text_content()
    assert wrong.tree.xpath("//*[@id='commands']") == []


def test_another_site_is_shown_no_commands(offered: Grid) -> None:
    """The form needs its token, and must come from a page of this server."""
    browser = Browser(offered)
    fields = {**browser.get("submit").fields(), "application": "vasp"}

    elsewhere = {**FROM_OURS, "Sec-Fetch-Site": "cross-site"}
    forged = browser.send("submit/commands", fields, headers=elsewhere)
    without = browser.send("submit/commands", {**fields, "token": "x"})

    assert (forged.status, without.status) == (403, 400)
    assert [one.tree.xpath("//*[@id='commands']") for one in (forged, without)] == [[], []]
