"""LGI_certificates renew, revoke, crl and check."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509

from lgi_tools.certificates import revocation_list, user_directory
from lgi_tools.certificates.archive import read_certificate
from lgi_tools.certificates.ca import Authority
from lgi_tools.certificates.keys import KeyType, read_key
from lgi_tools.certificates.profiles import Validity
from lgi_tools.commands.certificates import main

from .test_certificates import handshake, openssl

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def ca(tmp_path: Path) -> Authority:
    """An authority of the test's own."""
    return Authority.create(tmp_path / "ca")


def rows(out: str) -> list[list[str]]:
    """The cells of a table without its heading."""
    return [[cell.strip() for cell in line.split("  ") if cell.strip()] for line in out.splitlines()[1:]]


@pytest.mark.parametrize("key_type", list(KeyType))
def test_a_renewed_certificate_says_the_same_for_longer(run: Run, ca: Authority, key_type: KeyType) -> None:
    """Same name, use and key, whether or not the key is here; only serial number and time differ."""
    issued = ca.issue_resource("node@cluster", ("LGI",), key_type=key_type, days=3)
    old, key = read_certificate(issued.certificate), issued.key.read_bytes()
    issued.key.unlink()

    code, out, _ = run(main, "--directory", str(ca.directory), "renew", "node@cluster", "--days", "90")

    new = read_certificate(issued.certificate)
    issued.key.write_bytes(key)
    assert code == 0
    assert f"{new.not_valid_after_utc:%Y-%m-%d}" in out
    assert new.serial_number != old.serial_number
    assert (new.subject, new.public_key()) == (old.subject, old.public_key())
    assert [one.value for one in new.extensions] == [one.value for one in old.extensions]
    assert new.not_valid_after_utc - datetime.now(UTC) > timedelta(days=89)


def test_a_renewed_server_keeps_its_names(run: Run, ca: Authority) -> None:
    """Clients find the host name they asked for, as before."""
    server, mark = ca.issue_server("grid.example.org", ("127.0.0.1",)), ca.issue_user("mark")

    run(main, "--directory", str(ca.directory), "renew", "grid.example.org")

    for host in ("grid.example.org", "127.0.0.1"):
        assert handshake(ca.ca_file, server, ca.ca_file, mark, host)


def test_a_new_key_is_made_on_demand_only(run: Run, ca: Authority) -> None:
    """It is made only if the directory has the old one."""
    issued = ca.issue_user("mark")
    at, before = ("--directory", str(ca.directory)), issued.key.read_bytes()

    run(main, *at, "renew", "mark")
    kept = issued.key.read_bytes()
    code, out, _ = run(main, *at, "renew", "mark", "--new-key")
    changed = issued.key.read_bytes()
    issued.key.unlink()
    refused, _, err = run(main, *at, "renew", "mark", "--new-key")

    assert (kept == before, changed == before) == (True, False)
    assert (code, refused) == (0, 1)
    assert "ManageDB" in out
    assert "mark.key does not exist: create the new key where it is used, with 'csr'" in err
    issued.key.write_bytes(changed)
    assert read_key(issued.key).public_key() == read_certificate(issued.certificate).public_key()


def test_a_certificate_that_is_revoked_unknown_or_of_another_authority_is_not_renewed(
    run: Run, ca: Authority, tmp_path: Path
) -> None:
    """Each is an error that changes nothing."""
    lost = ca.issue_user("lost").certificate
    ca.revoke("lost")
    stranger = ca.directory / "stranger.crt"
    stranger.write_bytes(Authority.create(tmp_path / "other").issue_user("x").certificate.read_bytes())
    before = lost.read_bytes(), stranger.read_bytes()

    answers = [
        run(main, "--directory", str(ca.directory), "renew", name) for name in ("lost", "stranger", "no")
    ]

    assert [code for code, _, _ in answers] == [1, 1, 1]
    assert "lost.crt is revoked: issue a new one with --force" in answers[0][2]
    assert "stranger.crt was not signed by this CA" in answers[1][2]
    assert "no.crt: No such file or directory" in answers[2][2]
    assert (lost.read_bytes(), stranger.read_bytes()) == before


def test_a_renewed_authority_keeps_what_it_has_signed(run: Run, tmp_path: Path) -> None:
    """Same key and name: old certificates are good under the new one, and the revoked ones stay revoked."""
    ca = Authority.create(tmp_path / "ca", name="Our CA", days=20)
    good, lost = ca.issue_user("good"), ca.issue_user("lost")
    ca.revoke("lost")

    code, out, _ = run(main, "--directory", str(ca.directory), "renew", "ca")
    refused, _, err = run(main, "--directory", str(ca.directory), "renew", "ca", "--new-key")

    renewed = Authority.open(ca.directory).certificate
    assert (code, refused) == (0, 1)
    assert "distribute it to all" in out
    assert "a CA with a new key is a new CA" in err
    assert renewed.not_valid_after_utc - datetime.now(UTC) > timedelta(days=3600)
    assert renewed.subject == ca.certificate.subject
    options = ("verify", "-x509_strict", "-crl_check", "-CRLfile", ca.crl_file, "-CAfile", ca.ca_file)
    assert openssl(*options, good.certificate).returncode == 0
    assert "certificate revoked" in openssl(*options, lost.certificate).stderr


def test_a_certificate_that_was_replaced_is_revoked_too(run: Run, ca: Authority) -> None:
    """This includes all older certificates, replaced by renew or by --force."""
    serials = [read_certificate(ca.issue_user("mark", days=9).certificate).serial_number]
    serials.append(read_certificate(ca.renew("mark", Validity.of_days(99))).serial_number)
    serials.append(read_certificate(ca.issue_user("mark", force=True).certificate).serial_number)
    ca.issue_user("mark.aa")
    ca.issue_user("mark.aa", force=True)

    code, _, _ = run(main, "--directory", str(ca.directory), "revoke", "mark")

    assert code == 0
    assert revocation_list.serials(ca.crl_file) == set(serials)


def test_the_revocation_list_is_signed_anew_and_copied(run: Run, ca: Authority, tmp_path: Path) -> None:
    """The number of a list grows; a copy is whole at any moment."""
    ca.issue_user("lost")
    ca.revoke("lost")
    copy = tmp_path / "copy.crl"

    code, out, _ = run(main, "--directory", str(ca.directory), "crl", "--copy-to", str(copy))

    (entry,) = revocation_list.read(copy)
    assert code == 0
    assert "(1 certificate)" in out
    assert f"{entry.serial_number:x} since" in out
    assert copy.read_bytes() == ca.crl_file.read_bytes()
    assert revocation_list.read(copy).is_signature_valid(ca.certificate.public_key())


def test_the_exit_code_is_0_while_no_certificate_ends_within_thirty_days(
    run: Run, ca: Authority, home: Path
) -> None:
    """The CA's directory and ~/.LGI are looked at unasked."""
    ca.issue_server("localhost", days=40)

    code, out, err = run(main, "--directory", str(ca.directory), "check")
    worried, _, _ = run(main, "--directory", str(ca.directory), "check", "--days", "50")

    assert (code, worried, err) == (0, 1, "")
    assert [row[0] for row in rows(out)] == [
        *(f"{ca.directory}/{name}" for name in ("ca.crt", "localhost.crt", "ca.crl")),
        *(f"{home}/.LGI/{name}" for name in ("certificate", "ca_chain")),
    ]
    assert {row[-1] for row in rows(out)} == {"good"}


def test_a_certificate_that_ends_or_has_ended_makes_the_exit_code_1(run: Run, ca: Authority) -> None:
    """Revoked certificates do not count."""
    past = Validity(datetime(2020, 1, 1, tzinfo=UTC), datetime(2021, 1, 1, tzinfo=UTC))
    ca.issue_user("ended", validity=past)
    ca.issue_user("ending", days=3)
    ca.issue_user("lost", days=3)
    ca.revoke("lost")

    code, out, _ = run(main, "--directory", str(ca.directory), "check")

    states = {Path(row[0]).name: row[-1] for row in rows(out)}
    assert code == 1
    assert states["ended.crt"] == "expired on 2021-01-01"
    assert states["ending.crt"].endswith("(in 2 days)")
    assert (states["lost.crt"], states["ca.crt"]) == ("revoked", "good")


DAEMON = """<!-- <ca_certificate_file> no </ca_certificate_file> --><LGI>
  <ca_certificate_file> ca/ca.crt </ca_certificate_file>
  <resource> <resource_certificate_file> ca/node@cluster.crt </resource_certificate_file> </resource>
</LGI>"""
SERVER = (
    "url = https://x/LGI\n# peer_certificate = no\nserver_certificate = ca/localhost.crt\ncrl=ca/ca.crl\n"
)


@pytest.mark.parametrize(
    ("name", "text", "wanted"),
    [
        ("LGI.cfg", DAEMON, ["ca/ca.crt", "ca/node@cluster.crt"]),
        ("LGI_server.cfg", SERVER, ["ca/localhost.crt", "ca/ca.crl"]),
    ],
)
def test_the_certificates_of_a_configuration_are_checked(
    run: Run, ca: Authority, tmp_path: Path, name: str, text: str, wanted: list[str]
) -> None:
    """Those it names, wherever it is looked at from; one that is not there is something to see to."""
    ca.issue_server("localhost", days=3)
    ca.issue_resource("node@cluster", days=3)
    (tmp_path / name).write_text(text)

    code, out, _ = run(main, "--directory", str(tmp_path / "no"), "check", str(tmp_path / name))
    (tmp_path / wanted[1]).unlink()
    _, without, _ = run(main, "--directory", str(tmp_path / "no"), "check", str(tmp_path / name))

    assert code == 1
    assert [row[0] for row in rows(out)][2:] == [f"{tmp_path}/{file}" for file in wanted]
    assert rows(without)[3][-1] == "cannot be read: No such file or directory"


def test_a_directory_without_certificates_is_reported(run: Run, tmp_path: Path, home: Path) -> None:
    """Whether it was named, or nothing was and nothing is there."""
    (tmp_path / "text").write_text("nothing\n")
    answers = [
        run(main, "check", str(place)) for place in (tmp_path / "text", tmp_path / "here", tmp_path / "no")
    ]
    for name in user_directory.FILES:
        (home / ".LGI" / name).unlink()
    answers.append(run(main, "check"))

    assert [code for code, _, _ in answers] == [1] * 4
    assert "is neither a certificate nor a configuration" in answers[0][2]
    assert "contains no certificates" in answers[1][2]
    assert "No such file or directory" in answers[2][2]
    assert "contain no certificates: name a file or directory to check" in answers[3][2]


def test_a_certificate_file_of_any_name_is_checked(run: Run, ca: Authority, tmp_path: Path) -> None:
    """An example is a certificate that was received by mail."""
    file = tmp_path / "sent.pem"
    file.write_bytes(ca.issue_user("mark", days=3).certificate.read_bytes())
    made = x509.load_pem_x509_certificate(file.read_bytes())

    code, out, _ = run(main, "--directory", str(tmp_path / "no"), "check", str(file))

    assert code == 1
    assert rows(out)[-1][:3] == [str(file), "mark", f"{made.not_valid_after_utc:%Y-%m-%d}"]
