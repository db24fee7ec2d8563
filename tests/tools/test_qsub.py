"""LGI_qsub against a server."""

from collections.abc import Callable
from pathlib import Path
from unittest.mock import ANY

import pytest

from lgi_tools.certificates.ca import Authority
from lgi_tools.commands.qsub import main
from tests.support.canned_server import Answer, CannedServer, lgi, lgi_error

from .test_tools_settings import write_job
from .test_tools_text import JOB

Run = Callable[..., tuple[int, str, str]]
SUBMIT = "interfaces/interface_submit_job"
SIGN_UP = "resources/resource_signup_resource"
SIGN_OFF = "resources/resource_signoff_resource"
RESOURCE_SUBMIT = "resources/resource_submit_job"


@pytest.fixture
def job(tmp_path: Path, authority: Authority, server: CannedServer) -> Path:
    """The directory of a job that a resource of the canned server runs."""
    issued = authority.issue_resource("res@cluster", force=True)
    return write_job(
        tmp_path / "job",
        LGI_key_file=str(issued.key),
        LGI_certificate_file=str(issued.certificate),
        LGI_ca_certificate_file=str(authority.ca_file),
        LGI_this_project_server=server.url,
        LGI_project="LGI",
        LGI_owners="mark@laptop, theor",
        LGI_read_access="admin, mark@laptop",
        LGI_write_access="admin",
    )


@pytest.fixture
def session(server: CannedServer) -> CannedServer:
    """The canned server, where a resource can sign up, submit and sign off."""
    server.will_answer_call(SIGN_UP, lgi("<session_id> 12 </session_id>"))
    server.will_answer_call(RESOURCE_SUBMIT, lgi("<job> <job_id> 9 </job_id> </job>"))
    server.will_answer_call(SIGN_OFF, lgi("<session_id> 12 </session_id>"))
    return server


def test_a_submitted_job_is_shown(run: Run, server: CannedServer) -> None:
    """The command line has the application only; the target is any."""
    server.will_answer_call(SUBMIT, lgi(JOB))

    code, out, err = run(main, "-a", "hello_world")

    assert (code, err) == (0, "")
    assert out.startswith("\nJob has been submitted. Some details: \n\nThis project          : LGI\n")
    assert out.endswith(
        "Read access on job    : admin, mark\n"
        "Write access on job   : admin\n"
        "Time stamp            : Fri Oct 12 00:00:01 2012 [1350000001]\n"
        "Input                 : hi\n"
        "Repository content    : a&b, c\n"
        "\n"
    )
    assert server.requests[0].fields == {
        "project": "LGI",
        "user": "mark@laptop",
        "groups": "theor",
        "application": "hello_world",
        "target_resources": "any",
        "request_id": ANY,
    }


def test_every_field_of_a_job_can_be_given(run: Run, server: CannedServer) -> None:
    """Input is sent as upper-case hexadecimal, and files under their base names, with their number."""
    server.will_answer_call(SUBMIT, lgi(JOB))
    Path("input").write_bytes(b"\xff\x00hi")
    Path("sub").mkdir()
    Path("sub/file one.txt").write_text("one")
    Path("empty").write_text("")

    options = ("-t", "r1, r2", "-s", "<a x='1'> 1 </a>", "-i", "input", "-r", "frank", "-w", "eve")
    code, _, _ = run(main, "-a", "app", *options, "sub/file one.txt", "empty")

    assert code == 0
    assert server.requests[0].fields == {
        "project": "LGI",
        "user": "mark@laptop",
        "groups": "theor",
        "application": "app",
        "target_resources": "r1, r2",
        "request_id": ANY,
        "job_specifics": "<a x='1'> 1 </a>",
        "input": "FF006869",
        "read_access": "frank",
        "write_access": "eve",
        "uploaded_file_1": "one",
        "uploaded_file_2": "",
        "number_of_uploaded_files": "2",
    }
    assert server.requests[0].file_names == ["file one.txt", "empty"]


def test_raw_output_is_the_response(run: Run, server: CannedServer) -> None:
    """-x prints what stands inside <response>."""
    server.will_answer_call(SUBMIT, lgi(JOB))

    assert run(main, "-x", "-a", "app") == (0, f" {JOB} \n", "")


def test_a_refusal_is_reported_and_is_a_failure(run: Run, server: CannedServer) -> None:
    """With -x the message is shown too, not the XML."""
    server.will_answer_call(SUBMIT, lgi_error(33, "not allowed"))
    told = f"\nError message returned by server {server.url} : not allowed\n\n"

    assert run(main, "-a", "app") == (1, told, "")
    assert run(main, "-x", "-a", "app") == (1, told, "")


def test_an_answer_that_cannot_be_read_is_reported(run: Run, server: CannedServer) -> None:
    """Silence would look like success."""
    server.will_answer_call(SUBMIT, Answer(b""))

    code, out, _ = run(main, "-a", "app")

    assert code == 1
    assert "the answer is not an LGI document" in out


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (
            ("-t", "any"),
            "no application: give -a NAME, or write it into ~/.LGI/defaultapplication"
            " ('LGI_qsub -h' shows how it is used)",
        ),
        (("-a",), "Option '-a' requires an argument. ('LGI_qsub -h' shows how it is used)"),
        (("-a", "x", "-i", "nothing"), "nothing: No such file or directory"),
        (("-a", "x", "nothing"), "Cannot read from file 'nothing': No such file or directory"),
        (("-a", "x", "."), "Cannot read from file '.': Is a directory"),
        (
            ("-a", "x", "one/f", "two/f"),
            "several files have the name 'f', which must be unique in the repository",
        ),
    ],
)
def test_an_argument_that_cannot_be_sent_is_refused_before_anything_is_sent(
    run: Run, server: CannedServer, words: tuple[str, ...], problem: str
) -> None:
    """One line with the value, exit code 1."""
    for name in ("one", "two"):
        Path(name).mkdir()
        (Path(name) / "f").write_text(name)

    assert run(main, *words) == (1, "", f"LGI_qsub: {problem}\n")
    assert server.requests == []


def test_the_usage_is_shown_without_arguments(run: Run) -> None:
    """The exit code is not 0; that of --help is."""
    assert run(main)[0] == 1
    assert run(main, "-h")[0] == 0


def test_a_resource_submits_for_the_owners_of_its_job(run: Run, session: CannedServer, job: Path) -> None:
    """It opens a session, uses one connection, and prints nothing."""
    code, out, err = run(main, "-j", str(job), "-a", "app", "-r", "frank")

    submitted = session.requests[1].fields
    assert (code, out, err) == (0, "", "")
    assert [request.path.rpartition("/")[2] for request in session.requests] == [
        "resource_signup_resource.php",
        "resource_submit_job.php",
        "resource_signoff_resource.php",
    ]
    assert {request.caller for request in session.requests} == {"res@cluster"}
    assert submitted == {
        "session_id": "12",
        "project": "LGI",
        "application": "app",
        "state": "queued",
        "owners": "mark@laptop, theor",
        "target_resources": "any",
        "request_id": ANY,
        "read_access": "frank",
        "write_access": "admin",
    }
    assert len(session.connections) == 1


def test_a_job_with_a_certificate_of_its_own_submits_without_a_session(
    run: Run, server: CannedServer, job: Path, authority: Authority
) -> None:
    """It may do nothing else; what it posts is the same."""
    issued = authority.issue_resource("res@cluster", force=True)
    issued.key.rename(job / ".LGI_job_key")
    issued.certificate.rename(job / ".LGI_job_certificate")
    write_job(
        job,
        LGI_key_file=str(job / ".LGI_job_key"),
        LGI_certificate_file=str(job / ".LGI_job_certificate"),
        LGI_ca_certificate_file=str(authority.ca_file),
        LGI_this_project_server=server.url,
        LGI_project="LGI",
        LGI_owners="mark@laptop, theor",
    )
    server.will_answer_call(RESOURCE_SUBMIT, lgi("<job> <job_id> 9 </job_id> </job>"))

    code, out, err = run(main, "-j", str(job), "-a", "app")

    (submitted,) = server.requests
    assert (code, out, err) == (0, "", "")
    assert submitted.path.endswith("resource_submit_job.php")
    assert (submitted.fields["state"], submitted.fields["owners"]) == ("queued", "mark@laptop, theor")


def test_a_job_is_found_in_the_current_directory(
    run: Run, session: CannedServer, job: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As LGI: no option is needed in a job's directory; ~/.LGI is not read."""
    monkeypatch.chdir(job)
    monkeypatch.setenv("HOME", "/nowhere")

    code, out, _ = run(main, "-a", "app", "-x")

    assert (code, out) == (0, " <job> <job_id> 9 </job_id> </job> \n")
    assert session.requests[0].caller == "res@cluster"


def test_a_directory_that_others_can_write_is_no_job(
    run: Run, server: CannedServer, job: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its files would choose key and server. The user submits as usual, with a warning."""
    job.chmod(0o777)
    monkeypatch.chdir(job)
    server.will_answer_call(SUBMIT, lgi(JOB))

    code, _, err = run(main, "-a", "app")

    assert code == 0
    assert server.requests[0].caller == "mark@laptop; theor; LGI"
    assert "warning: not used as job directory" in err


def test_a_directory_that_is_no_job_is_refused_when_named(run: Run, tmp_path: Path) -> None:
    """The reason stands behind."""
    code, _, err = run(main, "-j", str(tmp_path), "-a", "app")

    assert code == 1
    assert f"Directory {tmp_path} is not a valid job directory" in err


@pytest.mark.parametrize("words", [("-U", "mark@laptop", "-G", "theor"), ("-c", "HOME")])
def test_a_user_can_submit_from_within_a_job(
    run: Run, server: CannedServer, job: Path, home: Path, words: tuple[str, ...]
) -> None:
    """-U and -G, or -c, switch back to user mode."""
    server.will_answer_call(SUBMIT, lgi(JOB))
    words = tuple(str(home / ".LGI") if word == "HOME" else word for word in words)

    code, _, _ = run(main, "-j", str(job), *words, "-a", "app")

    assert code == 0
    assert server.requests[0].fields["user"] == "mark@laptop"
    assert "read_access" not in server.requests[0].fields


def test_the_mode_can_be_switched(run: Run, session: CannedServer) -> None:
    """-m outside of a job submits as resource, in the name of the user and groups of the settings."""
    code, _, _ = run(main, "-m", "-a", "app")

    assert code == 0
    assert session.requests[1].fields["owners"] == "mark@laptop, theor"


def test_a_refused_resource_signs_off_and_fails(run: Run, server: CannedServer, job: Path) -> None:
    """LGI's own tool ended with 0."""
    server.will_answer_call(SIGN_UP, lgi("<session_id> 12 </session_id>"))
    server.will_answer_call(RESOURCE_SUBMIT, lgi_error(29, "no owner may submit"))
    server.will_answer_call(SIGN_OFF, lgi("<session_id> 12 </session_id>"))
    told = f"\nError message returned by server {server.url} : no owner may submit\n\n"
    raw = "<error> <number> 29 </number> <message> no owner may submit </message> </error>\n"

    plain_answer = run(main, "-j", str(job), "-a", "app")
    raw_answer = run(main, "-j", str(job), "-a", "app", "-x")

    assert plain_answer == (1, told, "")
    assert raw_answer == (1, told + raw, "")
    assert server.requests[-1].path.endswith("resource_signoff_resource.php")
    assert server.requests[-1].fields["session_id"] == "12"


def test_the_users_defaults_are_sent(run: Run, server: CannedServer, home: Path) -> None:
    """defaultapplication, defaulttargetresources and defaultjobspecifics; options win, also empty ones."""
    (home / ".LGI" / "defaultapplication").write_text("hello_world\n")
    (home / ".LGI" / "defaulttargetresources").write_text("a, b\n")
    (home / ".LGI" / "defaultjobspecifics").write_text("<default>hello</default>\n")
    server.will_answer_call(SUBMIT, lgi(JOB))

    run(main, "-x")
    run(main, "-a", "other", "-t", "any", "-s", "")

    usual = {"project": "LGI", "user": "mark@laptop", "groups": "theor", "request_id": ANY}
    assert [request.fields for request in server.requests] == [
        usual
        | {
            "application": "hello_world",
            "target_resources": "a, b",
            "job_specifics": "<default>hello</default>",
        },
        usual | {"application": "other", "target_resources": "any"},
    ]


def test_the_users_defaults_are_not_asked_inside_a_job(
    run: Run, session: CannedServer, job: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As LGI: only the job's directory counts, not ~/.LGI or the daemon's environment."""
    (home / ".LGI" / "defaultjobspecifics").write_text("<default>hello</default>\n")
    monkeypatch.setenv("LGI_DEFAULTTARGETRESOURCES", "elsewhere")

    code, _, _ = run(main, "-j", str(job), "-a", "hello_world")

    assert code == 0
    assert session.requests[1].fields["target_resources"] == "any"
    assert "job_specifics" not in session.requests[1].fields


def test_the_bytes_that_are_sent_are_counted(server: CannedServer, home: Path) -> None:
    """From nothing to all of it, for who watches a long submit."""
    from lgi_tools.cli.session import UserCalls
    from lgi_tools.client import settings

    server.will_answer_call(SUBMIT, lgi(JOB))
    Path("data").write_bytes(b"x" * 300_000)
    seen: list[tuple[int, int]] = []

    UserCalls(settings.home()).submit(
        {"application": "a"}, (Path("data"),), lambda done, total: seen.append((done, total))
    )

    totals = {total for _, total in seen}
    assert totals == {len(server.requests[0].body)}
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)
    assert seen[-1][0] in totals


def test_an_input_that_no_server_takes_is_refused_at_once(run: Run, server: CannedServer) -> None:
    """It would be read into memory twice; what to do instead is said."""
    with Path("big").open("wb") as opened:
        opened.truncate(100 * 2**20)

    code, out, err = run(main, "-a", "app", "-i", "big")

    assert (code, out, server.requests) == (1, "", [])
    assert "Cannot send 'big' as input: it is larger than 67108864 bytes" in err
