"""The form of an application: its parameters, what a job requests, and the same as a command."""

import ast
import shlex

import pytest

from tests.support.grid import Grid
from tests.support.pages import Browser

pytestmark = pytest.mark.one_database

PARAMETERS = """<parameters>
<parameter> <name> encut </name> <type> number </type> <label> Cut-off &lt;b&gt; </label>
<default> 450 </default> <help> In eV. </help> <min> 100 </min> <max> 2000 </max> </parameter>
<parameter> <name> method </name> <type> choice </type> <choices> pbe, hse </choices> </parameter>
<parameter> <name> title </name> </parameter>
<parameter> <name> relax </name> <type> flag </type> <default> 1 </default> </parameter>
</parameters> <max_cpus> 64 </max_cpus> <max_memory> 8192 </max_memory> <images> vasp:6.4 </images>"""


@pytest.fixture
def browser(grid: Grid) -> Browser:
    """A user of a project whose resource declares parameters."""
    grid.resource("hpc@cluster", f"<vasp> {PARAMETERS} </vasp> <hello_world> </hello_world>")
    return Browser(grid)


def specifics(grid: Grid) -> list[str]:
    """The specifics of all jobs."""
    return [
        str(row["job_specifics"]) for row in grid.rows("SELECT job_specifics FROM job_queue ORDER BY job_id")
    ]


def test_the_form_of_an_application_has_its_parameters(grid: Grid, browser: Browser) -> None:
    """With defaults, limits, choices and images; another application has none of them."""
    page = browser.get("submit?application=vasp")

    fields = page.fields()
    assert (fields["application"], fields["parameter_encut"], fields["parameter_relax"]) == (
        "vasp",
        "450",
        "1",
    )
    assert "Cut-off <b>" in page.text
    assert "In eV. From 100 to 2000." in page.text
    assert "At most 64." in page.text
    assert "At most 8 GB." in page.text
    assert page.tree.xpath("//datalist/option/@value") == ["vasp:6.4"]
    assert page.tree.xpath("//select[@name='parameter_method']/option/text()") == ["pbe", "hse"]
    assert not [
        name for name in browser.get("submit?application=hello_world").fields() if "parameter" in name
    ]
    assert browser.get("submit?application=none").status == 200


def test_parameters_and_requests_become_specifics(grid: Grid, browser: Browser) -> None:
    """In the units of LGI, behind what is typed as XML; what is left empty is left out."""
    browser.fill(
        "submit?application=vasp",
        parameter_title="a <b> & 'c'",
        parameter_method="hse",
        request_cpus="4",
        request_memory="2G",
        request_walltime="90m",
        request_image="vasp:6.4",
        job_specifics="<mine> 1 </mine>",
    )

    assert specifics(grid) == [
        "<mine> 1 </mine> <cpus> 4 </cpus> <memory> 2048 </memory> <walltime> 5400 </walltime>"
        " <image> vasp:6.4 </image> <encut> 450 </encut> <method> hse </method>"
        " <title> a &lt;b&gt; &amp; &apos;c&apos; </title> <relax> 1 </relax>"
    ]


def test_a_wrong_parameter_is_told_at_its_field(grid: Grid, browser: Browser) -> None:
    """With what was typed; nothing is submitted."""
    wrong = {
        "parameter_encut": "50",
        "parameter_method": "b3lyp",
        "parameter_title": "x" * 1001,
        "request_cpus": "0",
        "request_memory": "much",
        "request_walltime": "1 year",
        "request_image": "../x",
    }

    for field, typed in wrong.items():
        page = browser.fill("submit?application=vasp", **{field: typed})

        assert (page.status, page.tree.xpath("//*[@aria-invalid='true']/@name")) == (400, [field])
        assert page.fields()[field] == (typed if field != "parameter_method" else "")
    twice = browser.fill("submit?application=vasp", request_cpus="2", job_specifics="<cpus> 4 </cpus>")
    assert "the specifics have <cpus> too: leave one of the two out" in twice.text
    assert specifics(grid) == []


def test_parameters_that_were_not_declared_are_no_specifics(grid: Grid, browser: Browser) -> None:
    """Fields that somebody has made up, and those of the form of another application."""
    page = browser.get("submit?application=vasp")
    browser.send("submit", page.fields() | {"parameter_evil": "1", "parameter_job": "2"})
    browser.send("submit", page.fields() | {"application": "hello_world", "request_id": "x"})

    assert specifics(grid) == ["<encut> 450 </encut> <relax> 1 </relax>", ""]


def test_a_form_like_a_job_has_its_values_in_fields(grid: Grid, browser: Browser) -> None:
    """The rest stays XML, and the new job has the same specifics."""
    text = "<cpus> 4 </cpus> <encut> 300 </encut> <own> <x> 1 </x> </own> <title> a &amp; b </title>"
    job_id = grid.user().submit(application="vasp", job_specifics=text)

    fields = browser.get(f"submit?like={job_id}").fields()

    assert (fields["request_cpus"], fields["parameter_encut"], fields["parameter_title"]) == (
        "4",
        "300",
        "a & b",
    )
    assert fields["job_specifics"].strip() == "<own> <x> 1 </x> </own>"


def test_a_job_is_shown_as_the_command_that_submits_it(grid: Grid, browser: Browser) -> None:
    """No text of it becomes a command of its own, in the shell or in Python."""
    evil = "a'; rm -rf ~; echo '$(x)`y`"
    job_id = grid.user().submit(
        application="vasp", job_specifics="<cpus> 4 </cpus>", job_name=evil, labels=f"k={evil}", retries="2"
    )
    grid.set_job(job_id, input=f"in\n{evil}\n".encode())

    shell, python = browser.get(f"jobs/{job_id}").tree.xpath("//pre[@data-copy]/text()")
    command = shlex.split(shell)
    tree = ast.parse(python)

    assert command[:5] == ["printf", "%s", f"in\n{evil}\n", ">", "input.txt"]
    assert command[5:] == [
        *("LGI_qsub", "-a", "vasp", "-i", "input.txt", "-s", "<cpus> 4 </cpus>"),
        *("--name", evil, "--label", f"k={evil}", "--retries", "2"),
    ]
    call = tree.body[-1].value  # type: ignore[attr-defined]
    values = {one.arg: ast.literal_eval(one.value) for one in call.keywords}
    assert values == {
        "input": f"in\n{evil}\n",
        "specifics": "<cpus> 4 </cpus>",
        "name": evil,
        "labels": {"k": evil},
        "retries": 2,
    }
