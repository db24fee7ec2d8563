"""LGI_certificates as a person types it."""

import os
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import pkcs12

from lgi_tools.certificates.ca import Authority
from lgi_tools.certificates.profiles import Validity
from lgi_tools.commands.certificates import main
from tests.support.grid import BIN

Run = Callable[..., tuple[int, str, str]]


def test_a_project_is_set_up_with_four_commands(run: Run, tmp_path: Path) -> None:
    """init, server, resource and user each say what they made and what to do with it."""
    at = ("--directory", str(tmp_path / "ca"))

    answers = [
        run(main, *at, "init"),
        run(main, *at, "server", "localhost", "--also", "127.0.0.1"),
        run(main, *at, "resource", "LGI@localhost", "--project", "LGI"),
        run(main, *at, "user", "mark@laptop", "--group", "theor", "--project", "LGI"),
    ]

    assert [code for code, _, _ in answers] == [0] * 4
    assert all("Next" in out and not err for _, out, err in answers)
    made = {path.name for path in (tmp_path / "ca").iterdir()}
    assert made == {
        *("ca.crt", "ca.key", "ca.crl", "localhost.crt", "localhost.key", "LGI@localhost.crt"),
        *("LGI@localhost.key", "mark@laptop.crt", "mark@laptop.key", "mark@laptop.p12"),
    }


def test_the_directory_comes_from_the_environment(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """LGI_CERTIFICATES stands for --directory; without both it is ./certificates."""
    run(main, "init")
    monkeypatch.setenv("LGI_CERTIFICATES", str(tmp_path / "elsewhere"))

    code, _, _ = run(main, "init", "--key-type", "rsa")

    assert code == 0
    assert (tmp_path / "here" / "certificates" / "ca.crt").exists()
    assert (tmp_path / "elsewhere" / "ca.crt").exists()


def test_the_list_shows_names_kinds_and_what_has_expired(run: Run, tmp_path: Path) -> None:
    """One line per certificate: file, common name, kind, serial, end and state."""
    authority = Authority.create(tmp_path / "ca")
    authority.issue_user("mark@laptop", ("theor",), ("LGI",))
    past = Validity(datetime(2020, 1, 1, tzinfo=UTC), datetime(2021, 1, 1, tzinfo=UTC))
    authority.issue_resource("old@cluster", validity=past)

    code, out, _ = run(main, "--directory", str(tmp_path / "ca"), "list")

    rows = [[cell.strip() for cell in line.split("  ") if cell] for line in out.splitlines()]
    assert code == 0
    assert rows[0] == ["file", "common name", "kind", "serial", "expires on", "state"]
    assert [row[:3] + row[-1:] for row in rows[1:]] == [
        ["ca.crt", "LGI CA", "authority", "valid"],
        ["mark@laptop.crt", "mark@laptop; theor; LGI", "user", "valid"],
        ["old@cluster.crt", "old@cluster", "resource", "expired"],
    ]
    assert rows[3][-2] == "2021-01-01"


def test_a_lost_key_is_revoked_and_the_list_shows_it(run: Run, tmp_path: Path) -> None:
    """The output says what to do with the new revocation list."""
    at = ("--directory", str(tmp_path / "ca"))
    run(main, *at, "init")
    run(main, *at, "resource", "res@cluster")

    code, out, _ = run(main, *at, "revoke", "res@cluster")
    again, _, err = run(main, *at, "revoke", "res@cluster")
    _, listed, _ = run(main, *at, "list")

    assert (code, again) == (0, 1)
    assert f"copy {tmp_path}/ca/ca.crl to every project server" in out
    assert err == f"LGI_certificates: {tmp_path}/ca/res@cluster.crt is already revoked\n"
    assert listed.splitlines()[1].endswith("valid")
    assert listed.splitlines()[2].endswith("revoked")


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (("server", "x"), "there is no CA in {ca}: create one with 'init'"),
        (("list",), "{ca} contains no certificates: create a CA with 'init'"),
        (("user", "x", "--password-file", "/no/file"), "/no/file: No such file or directory"),
        (("nothing",), "No such command 'nothing'. ('LGI_certificates -h' shows how it is used)"),
        (("user",), "Missing argument 'NAME'. ('LGI_certificates user -h' shows how it is used)"),
    ],
)
def test_an_error_is_one_line_with_the_programs_name(
    run: Run, tmp_path: Path, words: tuple[str, ...], problem: str
) -> None:
    """On standard error, exit code 1, and it says what to do."""
    ca = tmp_path / "ca"

    code, out, err = run(main, "--directory", str(ca), *words)

    assert (code, out) == (1, "")
    assert err == f"LGI_certificates: {problem.format(ca=ca)}\n"


def test_a_certificate_is_replaced_by_force_only(run: Run, tmp_path: Path) -> None:
    """Without --force the error names the file."""
    at = ("--directory", str(tmp_path / "ca"))
    run(main, *at, "init")
    run(main, *at, "server", "localhost")

    refused, _, err = run(main, *at, "server", "localhost")
    forced, _, _ = run(main, *at, "server", "localhost", "--force")

    assert (refused, forced) == (1, 0)
    assert "localhost.key already exists: use --force to replace it" in err


def test_a_password_is_made_up_and_shown_once(run: Run, tmp_path: Path) -> None:
    """The one that is printed opens the file."""
    at = ("--directory", str(tmp_path / "ca"))
    run(main, *at, "init")

    _, out, _ = run(main, *at, "user", "mark")

    password = out.partition("Password    : ")[2].split(" ")[0]
    assert pkcs12.load_pkcs12((tmp_path / "ca" / "mark.p12").read_bytes(), password.encode()).key


def test_a_password_of_a_file_is_not_shown(run: Run, tmp_path: Path) -> None:
    """Its first line is the password of the file for browsers."""
    (tmp_path / "password").write_text("open sesame\nsecond line\n")
    at = ("--directory", str(tmp_path / "ca"))
    run(main, *at, "init")

    _, out, _ = run(main, *at, "user", "mark", "--password-file", str(tmp_path / "password"))

    assert "sesame" not in out
    assert "Password" not in out
    assert pkcs12.load_pkcs12((tmp_path / "ca" / "mark.p12").read_bytes(), b"open sesame").key


def test_a_users_configuration_is_ready_to_use(run: Run, tmp_path: Path) -> None:
    """--config-dir writes the files of ~/.LGI, the key for its owner only."""
    at = ("--directory", str(tmp_path / "ca"))
    run(main, *at, "init")
    words = ("user", "mark", "--group", "g1", "--group", "g2", "--project", "LGI", "--project", "B")

    code, out, _ = run(main, *at, *words, "--config-dir", tmp_path / "dot", "--server", "https://h/LGI")

    texts = {path.name: path.read_text() for path in (tmp_path / "dot").iterdir()}
    assert code == 0
    assert str(tmp_path / "dot") in out
    assert texts["user"] == "mark\n"
    assert texts["groups"] == "g1, g2\n"
    assert texts["defaultserver"] == "https://h/LGI\n"
    assert texts["defaultproject"] == "LGI\n"
    assert texts["certificate"] == (tmp_path / "ca" / "mark.crt").read_text()
    assert texts["ca_chain"] == (tmp_path / "ca" / "ca.crt").read_text()
    assert (tmp_path / "dot" / "privatekey").stat().st_mode & 0o777 == 0o600


def test_a_configuration_that_is_there_is_kept(run: Run, tmp_path: Path) -> None:
    """No certificate is made either, so that the command can be repeated elsewhere."""
    at = ("--directory", str(tmp_path / "ca"))
    run(main, *at, "init")
    (tmp_path / "dot").mkdir()
    (tmp_path / "dot" / "user").write_text("other\n")

    code, _, err = run(main, *at, "user", "mark", "--config-dir", tmp_path / "dot")

    assert code == 1
    assert f"{tmp_path}/dot/user already exists" in err
    assert not (tmp_path / "ca" / "mark.key").exists()


def test_a_list_that_nobody_reads_on_is_no_fault(tmp_path: Path) -> None:
    """The command prints no error when its reader exits, as in ``LGI_certificates list

    head``.
    """
    reading, writing = os.pipe()
    os.close(reading)
    words = [BIN / "LGI_certificates", "--directory", tmp_path / "certificates"]
    subprocess.run([*words, "init"], check=True, capture_output=True, timeout=60)

    done = subprocess.run([*words, "list"], stdout=writing, stderr=subprocess.PIPE, timeout=60, check=False)

    os.close(writing)
    assert (done.returncode, done.stderr) == (1, b"")


def test_help_is_asked_with_either_word(run: Run) -> None:
    """-h and --help exit with 0, no words at all with 1."""
    short, long, none = run(main, "-h"), run(main, "--help"), run(main)

    assert short == long
    assert (short[0], none[0]) == (0, 1)
    assert "Usage: LGI_certificates" in short[1]
    assert "Usage: LGI_certificates" in none[2]


def test_more_days_than_a_date_has_are_refused(run: Run) -> None:
    """With the range; it was a traceback."""
    code, _, err = run(main, "check", "--days", "99999999999")

    assert (code, "99999999999 is not in the range" in err) == (1, True)
