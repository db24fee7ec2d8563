"""LGI_login --renew: a user's certificate is renewed with the old one, over real TLS."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from lgi_tools.certificates import csr, user_directory
from lgi_tools.certificates.archive import read_certificate
from lgi_tools.certificates.ca import Authority, Issued
from lgi_tools.certificates.keys import KeyType, make_key, read_key
from lgi_tools.certificates.profiles import Kind, Validity
from lgi_tools.certificates.subject import Subject
from lgi_tools.joining.login_command import main

from .test_joining import Office
from .test_joining import office as office  # a fixture

Run = Callable[..., tuple[int, str, str]]
NAME = "anna@desk"
SUBJECT = Subject(Kind.USER, NAME, ("theor",), ("LGI",))


def issued(office: Office, days: int = 20) -> Issued:
    """A certificate of a user that expires so soon."""
    return office.authority.issue_user(NAME, ("theor",), ("LGI",), days=days, force=True)


def directory(office: Office, place: Path, days: int = 20) -> Path:
    """The directory of a user who has logged in."""
    made = issued(office, days)
    caller = {"user": NAME, "groups": ("theor",), "server": "https://no.where/LGI", "project": "LGI"}
    user_directory.write(place, made, office.authority.ca_file, **caller)
    (place / "authority").write_text(f"{office.url}\n")
    return place


def posted(office: Office, certificate: Path, key: Path) -> tuple[int, str]:
    """The status of a renewal that is asked for with these files, and its error."""
    request = csr.make(read_key(key)).decode()
    answer = office.post({"certificate": certificate.read_text(), "request": request}, "/renew")
    return answer.status_code, answer.json().get("error", "")


def test_a_certificate_that_expires_soon_is_renewed(run: Run, office: Office, tmp_path: Path) -> None:
    """The key and the name stay; neither URL nor token are needed."""
    place = directory(office, tmp_path / "mine")
    key, before = (place / "privatekey").read_bytes(), read_certificate(place / "certificate")

    code, out, err = run(main, "--renew", "-c", str(place))

    after = read_certificate(place / "certificate")
    assert (code, err) == (0, "")
    assert after.not_valid_after_utc - before.not_valid_after_utc > timedelta(days=600)
    assert (after.subject, (place / "privatekey").read_bytes()) == (before.subject, key)
    assert f"valid until {after.not_valid_after_utc:%Y-%m-%d}" in out


def test_a_certificate_that_is_still_good_is_left_alone(run: Run, office: Office, tmp_path: Path) -> None:
    """So that cron can run the command each day; the CA is not even asked."""
    place = directory(office, tmp_path / "mine", days=200)
    before = (place / "certificate").read_bytes()
    (place / "authority").write_text("https://localhost:1\n")

    code, out, _ = run(main, "--renew", "-c", str(place))

    assert (code, (place / "certificate").read_bytes()) == (0, before)
    assert "Renewal     : not needed yet\n" in out


def test_a_renewal_that_is_repeated_is_answered_with_the_same_certificate(
    office: Office, tmp_path: Path
) -> None:
    """As after a lost answer: the old certificate shows the key once more, and none is made."""
    made = issued(office)
    old = tmp_path / "old.crt"
    old.write_bytes(made.certificate.read_bytes())

    first = posted(office, old, made.key)
    renewed = made.certificate.read_bytes()
    second = posted(office, old, made.key)

    assert (first[0], second[0]) == (200, 200)
    assert renewed != old.read_bytes()
    assert made.certificate.read_bytes() == renewed


def test_a_link_to_a_certificate_stays_one(run: Run, office: Office, tmp_path: Path) -> None:
    """The file that it leads to is replaced."""
    place = directory(office, tmp_path / "mine")
    (place / "certificate").rename(tmp_path / "elsewhere.crt")
    (place / "certificate").symlink_to(tmp_path / "elsewhere.crt")

    assert run(main, "--renew", "-c", str(place))[0] == 0
    assert (place / "certificate").is_symlink()
    assert read_certificate(tmp_path / "elsewhere.crt").not_valid_after_utc > datetime.now(UTC) + timedelta(
        500
    )


def test_an_expired_certificate_renews_nothing(run: Run, office: Office, tmp_path: Path) -> None:
    """Neither here nor at the CA."""
    now = datetime.now(UTC)
    past = Validity(now - timedelta(days=9), now - timedelta(days=1))
    made = office.authority.issue_user(NAME, ("theor",), ("LGI",), validity=past)
    place = tmp_path / "mine"
    user_directory.write(place, made, office.authority.ca_file, user=NAME, groups=("theor",))

    code, _, err = run(main, "--renew", office.url, "-c", str(place))

    assert code == 1
    assert "has expired: ask the administrator for a new token" in err
    assert posted(office, made.certificate, made.key) == (
        403,
        "the certificate has expired: ask for a new token",
    )


def test_a_revoked_certificate_renews_nothing(run: Run, office: Office, tmp_path: Path) -> None:
    """A person who has left gets no other one, and keeps what is there."""
    place = directory(office, tmp_path / "mine")
    before = (place / "certificate").read_bytes()
    office.authority.revoke(NAME)

    code, _, err = run(main, "--renew", "-c", str(place))

    assert (code, (place / "certificate").read_bytes()) == (1, before)
    assert f"the certificate of {NAME} is revoked" in err


def test_a_former_certificate_of_another_key_renews_nothing(office: Office, tmp_path: Path) -> None:
    """Who has lost the key got a new certificate: the thief of the old key gets none."""
    made = issued(office)
    stolen, key = tmp_path / "stolen.crt", tmp_path / "stolen.key"
    stolen.write_bytes(made.certificate.read_bytes())
    key.write_bytes(made.key.read_bytes())
    current = issued(office).certificate.read_bytes()

    assert posted(office, stolen, key) == (403, f"{NAME} has received a certificate for another key since")
    assert (office.authority.directory / f"{NAME}.crt").read_bytes() == current


def test_a_certificate_is_worth_nothing_without_its_key(office: Office, tmp_path: Path) -> None:
    """Certificates are public: the request is signed with the key."""
    made = issued(office)
    other = make_key(KeyType.EC)
    request = csr.make(other).decode()

    answer = office.post({"certificate": made.certificate.read_text(), "request": request}, "/renew")

    assert answer.status_code == 403
    assert answer.json()["error"] == "the request is not signed with the key of the certificate"


def test_certificates_of_others_are_not_renewed(office: Office, tmp_path: Path) -> None:
    """Those of resources and servers, of a CA of the same name, and of the CA itself."""
    node = office.authority.issue_resource("node@x", ("LGI",), days=20)
    stranger = Authority.create(tmp_path / "other").issue_user(NAME, ("theor",), ("LGI",), days=20)
    issued(office)

    assert posted(office, node.certificate, node.key)[1] == "only certificates of users are renewed here"
    assert posted(office, office.host.certificate, office.host.key)[0] == 403
    assert posted(office, office.authority.ca_file, office.authority.directory / "ca.key")[0] == 403
    assert "was not signed by this CA" in posted(office, stranger.certificate, stranger.key)[1]


def test_the_groups_are_those_of_the_latest_certificate(office: Office, tmp_path: Path) -> None:
    """An older one, with a group that was taken away since, does not bring it back."""
    made = office.authority.issue_user(NAME, ("theor", "admin"), ("LGI",), days=20)
    old = tmp_path / "old.crt"
    old.write_bytes(made.certificate.read_bytes())
    key = read_key(made.key)
    office.authority.sign(key.public_key(), SUBJECT, Validity.of_days(20), force=True)

    assert posted(office, old, made.key)[0] == 200
    latest = read_certificate(made.certificate)
    assert latest.subject == SUBJECT.x509_name


@pytest.mark.parametrize(
    "body", [{}, {"certificate": "x", "request": "y"}, {"certificate": 1, "request": 2}, b"[]", b"{"]
)
def test_an_invalid_request_for_renewal_is_refused_in_words(office: Office, body: object) -> None:
    """400, and nothing is made."""
    answer = office.post(body, "/renew")

    assert answer.status_code == 400
    assert answer.json()["error"]


def test_a_directory_without_an_address_says_what_is_missing(
    run: Run, office: Office, tmp_path: Path
) -> None:
    """As one that the administrator has made: the URL is an argument then."""
    place = directory(office, tmp_path / "mine")
    (place / "authority").unlink()

    code, _, err = run(main, "--renew", "-c", str(place))
    with_token = run(main, "--renew", office.url, "--token-file", str(place / "user"), "-c", str(place))
    given = run(main, "--renew", office.url, "-c", str(place))

    assert (code, with_token[0], given[0]) == (1, 1, 0)
    assert "give the URL of the CA" in err
    assert "--renew needs no token" in with_token[2]
