"""Configurations that are wrong and servers that are none: a sentence, exit code 1, more for --verbose."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from lgi_tools.certificates.ca import Authority
from lgi_tools.commands.filetransfer import main as filetransfer
from lgi_tools.commands.qdel import main as qdel
from lgi_tools.commands.qstat import main as qstat
from lgi_tools.commands.qsub import main as qsub
from tests.support.canned_server import Answer, CannedServer, lgi

from .test_filetransfer import LISTING, PLACE

Run = Callable[..., tuple[int, str, str]]
OLD = lgi("<project> LGI </project>")
HALF = Answer(b"<LGI> <LGI_version> 1.31.6 </LGI_version> <response> <project> LGI </pro")
ANSWERS = {
    "a web page": (Answer(b"<!DOCTYPE html> <html>welcome</html>"), "not an LGI document (HTTP 200)"),
    "an error page": (Answer(b"<html>no proxy</html>", 502), "not an LGI document (HTTP 502)"),
    "half an answer": (HALF, "not an LGI document (HTTP 200): it ends in the middle"),
    "nothing": (Answer(b""), "not an LGI document (HTTP 200): it is empty"),
    "an old server": (OLD, "LGI 1.31.6 answered without <"),
}
CALLS = ("submit_job", "job_state", "delete_job")


@pytest.mark.parametrize("kind", ANSWERS)
@pytest.mark.parametrize(
    ("tool", "words"),
    [(qsub, ("-a", "x")), (qstat, ()), (qstat, ("7",)), (qdel, ("7",))],
    ids=["submit", "list", "details", "delete"],
)
def test_an_invalid_server_is_reported_in_a_sentence(
    run: Run, server: CannedServer, tool: Callable[..., int], words: tuple[str, ...], kind: str
) -> None:
    """Exit code 1, and no word of Python."""
    answer, told = ANSWERS[kind]
    for call in CALLS:
        server.will_answer_call(f"interfaces/interface_{call}", answer)

    code, out, err = run(tool, *words)

    assert code == 1
    assert f"Error posting to server {server.url}: " in out
    assert told in out
    assert "Traceback" not in out + err


@pytest.mark.parametrize(
    ("tool", "words", "field"),
    [
        (qsub, ("-a", "caf\udce9"), "application"),
        (qsub, ("-a", "x", "-s", "caf\udce9"), "job_specifics"),
        (qsub, ("-a", "x", "-r", "caf\udce9"), "read_access"),
        (qstat, ("-a", "caf\udce9"), "application"),
        (qdel, ("-P", "caf\udce9", "7"), "project"),
        (qstat, ("-U", "caf\udce9"), "user"),
    ],
)
def test_an_argument_that_is_not_utf8_is_refused(
    run: Run, server: CannedServer, tool: Callable[..., int], words: tuple[str, ...], field: str
) -> None:
    """The error names its field; nothing is sent."""
    code, _, err = run(tool, *words)

    assert code == 1
    assert err.endswith(f": {field} is not UTF-8: 'caf\\udce9'\n")
    assert server.requests == []


@pytest.mark.parametrize(
    ("module", "words"), [("qsub", ("-a", "x")), ("qstat", ("7",)), ("qdel", ("7",)), ("filetransfer", ())]
)
def test_the_option_verbose_shows_what_was_answered(
    server: CannedServer, module: str, words: tuple[str, ...]
) -> None:
    """On standard error; the sentence is the same."""
    page = Answer(b"<html>the proxy\nis down</html>", 502)
    for call in CALLS:
        server.will_answer_call(f"interfaces/interface_{call}", page)
    server.will_answer("GET", LISTING, page)
    program = f"import sys; from lgi_tools.commands.{module} import main; sys.exit(main())"
    words = words or ("list", server.url + PLACE)

    quiet, loud = (
        subprocess.run(
            [sys.executable, "-c", program, *more, *words], capture_output=True, text=True, timeout=60
        )
        for more in ((), ("--verbose",))
    )

    assert (quiet.returncode, loud.returncode) == (1, 1)
    assert quiet.stdout == loud.stdout
    assert "the proxy" not in quiet.stderr
    assert "<html>the proxy\\nis down</html>" in loud.stderr


def test_a_web_page_raises_a_question(run: Run, server: CannedServer) -> None:
    """Most often the address is not that of a project server."""
    server.will_answer_call("interfaces/interface_job_state", Answer(b"<html>"))

    _, _, err = run(qstat)

    assert err == (
        f"LGI_qstat: is {server.url} the address of a project server? --verbose shows what it answered\n"
    )


def test_a_download_of_a_web_page_is_no_file(run: Run, server: CannedServer) -> None:
    """An example is the login page of a network, with the status of an error."""
    server.will_answer("GET", f"{PLACE}/f", Answer(b"<html>please log in</html>", 511))

    code, _, err = run(filetransfer, "download", server.url + PLACE, "f")

    assert (code, Path("f").exists()) == (1, False)
    assert "f: the server answered HTTP 511 Network Authentication Required" in err


WRONG = {
    "no key": ("privatekey", "hello", "there is no private key in {file}"),
    "no certificate": ("certificate", "hello", "there is no certificate in {file}"),
    "no CA": ("ca_chain", "hello", "cannot use the CA file {file}: there is no certificate in {file}"),
    "a dead link": ("privatekey", None, "{file}: No such file or directory"),
}


@pytest.mark.parametrize("kind", WRONG)
def test_a_file_of_another_kind_is_named(run: Run, home: Path, kind: str) -> None:
    """The message has the file and the reason; that of OpenSSL has neither."""
    name, content, told = WRONG[kind]
    file = home / ".LGI" / name
    file.unlink()
    if content is None:
        file.symlink_to("nowhere")
    else:
        file.write_text(content)

    code, out, err = run(qstat)

    assert (code, out) == (1, "")
    assert told.format(file=file) in err
    assert err.splitlines()[-1].startswith("LGI_qstat: cannot use the ")


def test_a_key_of_another_certificate_is_reported(run: Run, home: Path, authority: Authority) -> None:
    """The message says that the two files do not belong together."""
    other = authority.issue_user("other@laptop", ("theor",), ("LGI",), force=True)
    (home / ".LGI" / "privatekey").unlink()
    (home / ".LGI" / "privatekey").symlink_to(other.key)

    assert "the key does not belong to the certificate" in run(qstat)[2]


def test_an_encrypted_key_is_refused_with_what_to_do(run: Run, home: Path) -> None:
    """The command does not prompt for a pass phrase, since it may run without a terminal."""
    key = home / ".LGI" / "privatekey"
    locked = home / "locked"
    subprocess.run(
        ["openssl", "pkey", "-in", key, "-aes256", "-passout", "pass:x", "-out", locked],
        check=True,
        timeout=60,
    )

    _, _, err = run(qstat, "-K", str(locked))

    assert "the key is encrypted" in err
    assert "openssl pkey -in" in err


def test_a_server_in_the_clear_is_named_with_its_file(run: Run, home: Path) -> None:
    """The message has the URL, and where it is set."""
    (home / ".LGI" / "defaultserver").write_text("http://host/LGI\n")

    _, _, err = run(qstat)

    assert "'http://host/LGI' is not a URL that begins with https://: give -S URL" in err
    assert "~/.LGI/defaultserver" in err
