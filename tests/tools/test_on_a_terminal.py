"""What a person sees: text of others can neither steer the terminal nor pass for the tool's own lines."""

import json
from collections.abc import Callable

import pytest

from lgi_protocol.xml import escape
from lgi_tools.cli import terminal
from lgi_tools.client.text import one_line, printable
from lgi_tools.commands.filetransfer import main as filetransfer
from lgi_tools.commands.qdel import main as qdel
from lgi_tools.commands.qstat import main as qstat
from lgi_tools.commands.qsub import main as qsub
from tests.support.canned_server import Answer, CannedServer, lgi, lgi_error

from .test_tools_text import JOB

Run = Callable[..., tuple[int, str, str]]
FORGED = "x\nJob owners            : root\tyes\u202e\u200b"
SHOWN = "x\\nJob owners            : root\\tyes\\u202e\\u200b"


@pytest.fixture
def on_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Standard output is a terminal."""
    monkeypatch.setattr(terminal, "is_watched", lambda: True)


def test_characters_that_steer_or_hide_are_written_out() -> None:
    """Controls, line separators, and characters that turn writing around or cannot be seen; no umlauts."""
    assert printable("a\u202eb\u2028c\u200bd\U000e0001\x1b\n\tü") == (
        "a\\u202eb\\u2028c\\u200bd\\U000e0001\\x1b\n\tü"
    )
    assert one_line("a\nb\tc\rü") == "a\\nb\\tc\\x0dü"


@pytest.mark.usefixtures("on_terminal")
@pytest.mark.parametrize("part", ["<a> 1 </a>", "hello_world", "https://t/LGI"])
def test_a_job_cannot_forge_a_line_of_its_description(run: Run, server: CannedServer, part: str) -> None:
    """Specifics, application and server of a job with line ends in them stay one line each."""
    server.will_answer_call("interfaces/interface_job_state", lgi(JOB.replace(part, escape(FORGED))))

    _, out, _ = run(qstat, "7")

    assert SHOWN in out
    assert out.count("\nJob owners") == 1
    assert "\u202e" not in out


@pytest.mark.usefixtures("on_terminal")
def test_a_submitted_job_cannot_forge_a_line_either(run: Run, server: CannedServer) -> None:
    """The same lines, by the other tool."""
    server.will_answer_call("interfaces/interface_submit_job", lgi(JOB.replace("<a> 1 </a>", escape(FORGED))))

    _, out, _ = run(qsub, "-a", "hello_world")

    assert out.count("\nJob owners") == 1


@pytest.mark.usefixtures("on_terminal")
def test_input_and_output_keep_their_lines(run: Run, server: CannedServer) -> None:
    """They are texts of many lines; what turns writing around is shown, not obeyed."""
    output = "one\n\ttwo\u202e".encode().hex()
    server.will_answer_call("interfaces/interface_job_state", lgi(JOB.replace("00FF", output)))

    _, out, _ = run(qstat, "7")

    assert "Output                : one\n\ttwo\\u202e\n" in out


@pytest.mark.usefixtures("on_terminal")
def test_a_row_of_the_list_is_one_line(run: Run, server: CannedServer) -> None:
    """A line end in the name of an owner is escaped."""
    listed = JOB.replace("mark, theor", escape("mark\n    2 |     43 |  running"))
    server.will_answer_call("interfaces/interface_job_state", lgi(listed))

    _, out, _ = run(qstat)

    assert len([line for line in out.splitlines() if "|" in line]) == 2


@pytest.mark.usefixtures("on_terminal")
@pytest.mark.parametrize(("tool", "call"), [(qstat, "job_state"), (qdel, "delete_job")])
def test_a_refusal_is_one_line(run: Run, server: CannedServer, tool: object, call: str) -> None:
    """A server's message is its own; the lines are ours."""
    server.will_answer_call(f"interfaces/interface_{call}", lgi_error(34, "no\nJob 7 deleted\u202e"))

    _, out, _ = run(tool, "7")

    assert "no\\nJob 7 deleted\\u202e\n" in out
    assert "\nJob 7 deleted" not in out


@pytest.mark.parametrize("is_watched", [True, False])
def test_a_file_name_is_one_line(
    run: Run, server: CannedServer, monkeypatch: pytest.MonkeyPatch, is_watched: bool
) -> None:
    """This holds for the list of a repository, also in a pipe; JSON has the exact name."""
    monkeypatch.setattr(terminal, "is_watched", lambda: is_watched)
    name = "JOB_75d8f2efe814c75e102a012925e8ceff"
    file = f"<file> <file_name> {escape(FORGED)} </file_name> <size> 1 </size> <date> 0 </date> </file>"
    body = Answer(f"<repository_content> {file} </repository_content>".encode())
    server.will_answer("GET", f"/repository/repository_content.php?repository={name}", body)

    _, out, _ = run(filetransfer, "list", f"{server.url}/repository/eff/{name}")
    _, document, _ = run(filetransfer, "list", "--json", f"{server.url}/repository/eff/{name}")

    assert SHOWN in out
    assert len(out.splitlines()) == 3
    assert json.loads(document)["files"][0]["file_name"] == FORGED


def test_the_text_is_as_documented_where_there_is_no_terminal(run: Run, server: CannedServer) -> None:
    """A program that reads a tool's output gets it unchanged."""
    server.will_answer_call(
        "interfaces/interface_job_state", lgi(JOB.replace("<a> 1 </a>", escape(FORGED)).replace("00FF", ""))
    )

    _, out, _ = run(qstat, "7")

    assert f"Job specifics         : {FORGED}\n" in out
