"""Where the tools take server, project, user and key from."""

import os
import pwd
import re
import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from lgi_protocol import job_directory
from lgi_protocol.digest import digest
from lgi_protocol.job_directory import JOB_CERTIFICATE
from lgi_tools.certificates.ca import Authority
from lgi_tools.client import settings
from lgi_tools.commands.qdel import main as qdel
from lgi_tools.commands.qstat import main as qstat
from tests.support.canned_server import CannedServer, lgi

Run = Callable[..., tuple[int, str, str]]
LIST = "interfaces/interface_project_server_list"


def write_job(directory: Path, **texts: str) -> Path:
    """An accepted job's directory."""
    directory.mkdir(mode=0o700, exist_ok=True)
    for name in job_directory.HASHED:
        text = texts.get(name, f"content of {name}")
        (directory / name).write_text(text)
        (directory / f"{name}.hash").write_text(digest(text.encode()))
    return directory


def test_the_first_line_of_a_file_is_the_setting(home: Path) -> None:
    """Blanks and a carriage return around it are no part of it."""
    (home / ".LGI" / "user").write_bytes(b"  frank@desk \r\nsecond line\n")

    assert settings.home().user == "frank@desk"


def test_files_that_are_missing_leave_settings_unknown(tmp_path: Path) -> None:
    """An empty file is as good as none."""
    (tmp_path / "groups").write_text("")

    assert settings.read_directory(tmp_path) == settings.Settings()


def test_the_key_is_known_by_its_path(home: Path) -> None:
    """The files are named, not read."""
    assert settings.home().key == str(home / ".LGI" / "privatekey")


def test_the_password_file_knows_the_home_without_the_variable(
    monkeypatch: pytest.MonkeyPatch, home: Path
) -> None:
    """A cron job may have no HOME, and an unknown user none at all."""
    monkeypatch.delenv("HOME")
    entry = pwd.struct_passwd(("me", "x", os.getuid(), os.getgid(), "", str(home), "/bin/sh"))
    monkeypatch.setattr(pwd, "getpwuid", lambda uid: entry)
    known = settings.home()

    monkeypatch.setattr(pwd, "getpwuid", {}.__getitem__)
    unknown = settings.home()

    assert known.user == "mark@laptop"
    assert unknown == settings.Settings()


def test_a_directory_overrides_file_by_file_and_options_override_it(
    run: Run, server: CannedServer, tmp_path: Path
) -> None:
    """-c DIR wins where it has a file; an option wins always, before or behind -c."""
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "groups").write_text("chem\n")
    (tmp_path / "other" / "user").write_text("frank\n")
    server.will_answer_call(LIST, lgi("<project> LGI </project>"))

    code, _, _ = run(qstat, "-l", "-U", "mark@laptop", "-c", str(tmp_path / "other"))

    assert code == 0
    assert server.requests[0].fields == {"project": "LGI", "user": "mark@laptop", "groups": "chem"}


def test_all_settings_can_be_options(
    run: Run, server: CannedServer, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Old names with one dash, and long names, without any ~/.LGI; the server sees the certificate."""
    dot = home / ".LGI"
    monkeypatch.setenv("HOME", "/nowhere")
    server.will_answer_call(LIST, lgi("<project> A </project>"))
    files = [str(dot / name) for name in ("privatekey", "certificate", "ca_chain")]
    old = ["-W", "-CA", files[2], "-K", files[0], "-C", files[1], "-S", server.url, "-P", "A", "-U", "u"]
    long = ["--key", files[0], "--certificate", files[1], "--ca", files[2], "--no-host-check"]
    long += ["--server", server.url, "--project", "A", "--user", "u", "--groups", "g"]

    first, _, _ = run(qstat, "-l", *old, "-G", "g")
    second, _, _ = run(qstat, "--servers", *long)

    assert (first, second) == (0, 0)
    assert [request.fields for request in server.requests] == [
        {"project": "A", "user": "u", "groups": "g"}
    ] * 2
    assert server.requests[0].caller == "mark@laptop; theor; LGI"


@pytest.mark.parametrize(
    ("missing", "problem"),
    [
        ("privatekey", "no private key: give -K FILE, or put it into ~/.LGI/privatekey"),
        ("ca_chain", "no CA certificate: give -CA FILE, or put it into ~/.LGI/ca_chain"),
        ("defaultserver", "no project server: give -S URL, or write it into ~/.LGI/defaultserver"),
        ("groups", "no groups: give -G GROUPS, or write them into ~/.LGI/groups"),
    ],
)
def test_a_missing_setting_is_named_with_what_to_do(run: Run, home: Path, missing: str, problem: str) -> None:
    """One line on standard error, exit code 1."""
    (home / ".LGI" / missing).unlink()

    code, out, err = run(qstat)

    assert (code, out) == (1, "")
    assert err == f"LGI_qstat: {problem} ('LGI_qstat -h' shows how it is used)\n"


def test_a_project_is_not_needed(run: Run, server: CannedServer, home: Path) -> None:
    """An empty one is sent, and the server takes its default."""
    (home / ".LGI" / "defaultproject").unlink()
    server.will_answer_call(LIST, lgi("<project> LGI </project>"))

    code, _, _ = run(qstat, "-l")

    assert code == 0
    assert server.requests[0].fields["project"] == ""


def test_a_server_is_asked_over_tls_only(run: Run) -> None:
    """Without TLS the server would not be authenticated."""
    code, _, err = run(qdel, "-S", "http://localhost/LGI", "1")

    assert code == 1
    assert "'http://localhost/LGI' is not a URL that begins with https://" in err


def test_a_key_that_others_can_read_is_warned_of(run: Run, server: CannedServer, home: Path) -> None:
    """A warning, not a refusal: the user may have reasons."""
    key = home / ".LGI" / "privatekey"
    key.chmod(0o640)
    server.will_answer_call(LIST, lgi("<project> LGI </project>"))

    code, _, err = run(qstat, "-l")

    assert code == 0
    assert err == f"LGI_qstat: warning: others can read the private key {key}: chmod 600 it\n"


def test_a_key_that_cannot_be_used_is_named(run: Run, home: Path) -> None:
    """The file and the reason, in one line."""
    (home / ".LGI" / "privatekey").write_text("no key\n")

    code, out, err = run(qstat)

    assert (code, out) == (1, "")
    assert err.startswith(f"LGI_qstat: cannot use the certificate {home}/.LGI/certificate with the key")
    assert err.count("\n") == 1


def test_a_server_of_another_authority_gets_nothing(
    run: Run, server: CannedServer, home: Path, tmp_path: Path
) -> None:
    """-W leaves out the host name, never the CA."""
    from lgi_tools.certificates.ca import Authority

    other = Authority.create(tmp_path / "other")

    code, out, _ = run(qstat, "-W", "-CA", str(other.ca_file))

    assert code == 1
    assert out.endswith(
        f"\nError posting to server {server.url}: certificate verify failed: "
        "self-signed certificate in certificate chain: the server's certificate was not issued by the CA "
        "that is trusted here (ca_chain of a user, <ca_certificate_file> of a daemon)\n\n"
    )
    assert server.requests == []


def test_the_host_name_is_compared_unless_told_otherwise(run: Run, server: CannedServer) -> None:
    """The certificate is for localhost, not for 127.0.0.1."""
    url = server.url.replace("localhost", "127.0.0.1")
    server.will_answer_call(LIST, lgi("<project> LGI </project>"))

    strict, out, _ = run(qstat, "-l", "-S", url)
    lax, _, err = run(qstat, "-l", "-S", url, "-W")

    assert (strict, lax) == (1, 0)
    assert "IP address mismatch" in out
    assert err == "LGI_qstat: warning: with -W any certificate of the CA is accepted as the server's\n"


def test_a_configuration_directory_must_be_there(run: Run, tmp_path: Path) -> None:
    """A mistyped -c does not fall back to ~/.LGI."""
    code, _, err = run(qstat, "-c", str(tmp_path / "typo"))

    assert code == 1
    assert f"the configuration directory {tmp_path}/typo does not exist" in err


def test_a_job_directory_names_key_server_and_project(tmp_path: Path) -> None:
    """As the daemon wrote them."""
    directory = write_job(tmp_path / "job", LGI_key_file="/k", LGI_this_project_server="https://s/LGI")

    found = settings.read_job(settings.job_at(directory))

    assert (found.key, found.server) == ("/k", "https://s/LGI")
    assert found.project == "content of LGI_project"
    assert (found.user, found.groups) == ("", "")


def test_a_damaged_job_directory_is_refused(tmp_path: Path) -> None:
    """The reason is part of the message."""
    directory = write_job(tmp_path / "job")
    (directory / "LGI_owners").write_text("intruder")

    with pytest.raises(
        settings.SettingsError, match=r"not a valid job directory \(.*LGI_owners does not match"
    ):
        settings.job_at(directory)


@pytest.mark.parametrize(("mode", "ours"), [(0o700, True), (0o755, True), (0o775, False), (0o757, False)])
def test_a_directory_others_can_write_is_not_ours(tmp_path: Path, mode: int, ours: bool) -> None:
    """Neither the group nor anybody else may have put files there."""
    tmp_path.chmod(mode)

    assert settings.is_ours(tmp_path) is ours


def test_another_users_directory_is_not_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the user and root are believed."""
    if tmp_path.stat().st_uid == 0:
        os.chown(tmp_path, 12345, -1)
    else:
        monkeypatch.setattr(os, "getuid", lambda: 12345)

    assert not settings.is_ours(tmp_path)


def test_the_files_of_the_document_are_all_read(home: Path) -> None:
    """Application, targets and specifics too; specifics may take several lines."""
    (home / ".LGI" / "defaultapplication").write_text("hello_world\n")
    (home / ".LGI" / "defaulttargetresources").write_text("any\n")
    (home / ".LGI" / "defaultjobspecifics").write_text("<a> 1 </a>\n<b> 2 </b>\n")

    found = settings.home()

    assert (found.application, found.target_resources) == ("hello_world", "any")
    assert found.job_specifics == "<a> 1 </a>\n<b> 2 </b>"


def test_a_variable_stands_for_each_file(home: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """LGI_ and the file's name in capitals; before LGI_CONFIG, which comes before ~/.LGI."""
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "user").write_text("frank")
    (tmp_path / "other" / "groups").write_text("chem")
    monkeypatch.setenv("LGI_CONFIG", str(tmp_path / "other"))
    monkeypatch.setenv("LGI_GROUPS", "physics")
    monkeypatch.setenv("LGI_PRIVATEKEY", "/somewhere/key")
    monkeypatch.setenv("LGI_DEFAULTJOBSPECIFICS", "<a> 1 </a>")

    found = settings.home()

    assert (found.user, found.groups) == ("frank", "physics")
    assert (found.key, found.job_specifics) == ("/somewhere/key", "<a> 1 </a>")
    assert found.certificate == str(home / ".LGI" / "certificate")


def test_an_option_and_c_win_over_variables(
    run: Run, server: CannedServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What stands on the command line is nearest."""
    (tmp_path / "groups").write_text("chem\n")
    for name in ("USER", "GROUPS", "DEFAULTPROJECT"):
        monkeypatch.setenv(f"LGI_{name}", "variable")
    server.will_answer_call(LIST, lgi("<project> LGI </project>"))

    run(qstat, "-l", "-c", str(tmp_path), "-U", "option")

    assert server.requests[0].fields == {"project": "variable", "user": "option", "groups": "chem"}


def test_a_setting_that_cannot_be_read_is_named(
    run: Run, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A directory that is not there, and a file that is no setting."""
    (home / ".LGI" / "user").write_bytes(b"x" * (settings.MAX_TEXT + 1))
    too_long = run(qstat)
    monkeypatch.setenv("LGI_CONFIG", "/not/there")
    missing = run(qstat)

    assert too_long[0] == missing[0] == 1
    assert f"LGI_qstat: {home}/.LGI/user is longer than" in too_long[2]
    assert "the configuration directory /not/there does not exist" in missing[2]


@pytest.mark.parametrize("words", [(), ("-x",), ("-cnt",)])
def test_a_certificate_that_ends_soon_is_warned_of(
    run: Run, server: CannedServer, home: Path, authority: Authority, words: tuple[str, ...]
) -> None:
    """Once a run, on standard error: what a program reads is the same."""
    issued = authority.issue_user("soon@laptop", days=20, force=True)
    answers = []
    for _ in range(2):
        server.will_answer_call("interfaces/interface_job_state", lgi("<number_of_jobs> 0 </number_of_jobs>"))
        answers.append(run(qstat, *words))
        (home / ".LGI" / "certificate").write_bytes(issued.certificate.read_bytes())
        (home / ".LGI" / "privatekey").write_bytes(issued.key.read_bytes())

    (code, out, err), (later_code, later_out, later_err) = answers

    assert (code, err) == (0, "")
    assert (later_code, later_out) == (0, out)
    file = home / ".LGI" / "certificate"
    assert re.fullmatch(
        rf"LGI_qstat: warning: the certificate {file} expires on \S+ \(in 19 days\): renew it\n",
        later_err,
    )


def test_a_jobs_own_certificate_is_not_warned_of(authority: Authority, tmp_path: Path) -> None:
    """It is good for a week, and its daemon renews it in time."""
    issued = authority.issue_user("7", days=5, force=True)
    certificate = shutil.copy(issued.certificate, tmp_path / JOB_CERTIFICATE)
    chosen = settings.Settings(certificate=str(certificate), ca=str(authority.ca_file))

    assert settings.ending(chosen, datetime.now(UTC)) == []
