"""The enrolment secret: many machines become resources with it, until another one takes its place."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from lgi_tools.certificates import csr, inventory
from lgi_tools.certificates.archive import read_certificate
from lgi_tools.certificates.keys import KeyType, make_key
from lgi_tools.commands.certificates import main as certificates
from lgi_tools.joining import enrolment_secret, tokens
from lgi_tools.joining.command import main
from lgi_tools.joining.enrolment_secret import EnrolmentSecret
from tests.tools.test_joining import Office
from tests.tools.test_joining import office as office

Run = Callable[..., tuple[int, str, str]]


def request() -> str:
    """A request for a certificate for a new key."""
    return csr.make(make_key(KeyType.EC)).decode()


def make(office: Office, days: float = 1, most: int = 9, pattern: str = "*@cluster") -> str:
    """Return the text of a new secret."""
    ends = datetime.now(UTC) + timedelta(days=days)
    return enrolment_secret.make(office.authority.directory, EnrolmentSecret(pattern, ("LGI",), ends, most))


def join(office: Office, secret: str, name: str, pem: str = "", **more: str) -> tuple[int, str]:
    """Return the status and the error of a request to join."""
    answer = office.post({"token": secret, "request": pem or request(), "resource_name": name, **more})
    return answer.status_code, answer.json().get("error", "")


def test_several_machines_join_with_one_secret(run: Run, office: Office, tmp_path: Path) -> None:
    """By the commands that an administrator and the machines run."""
    code, out, _ = run(
        certificates,
        *("--directory", office.authority.directory, "secret", "--names", "*@cluster", "--project", "LGI"),
    )
    word = out.split()[-1]
    (tmp_path / "secret").write_text(word)

    for name in ("node1@cluster", "node2@cluster"):
        run(
            main,
            office.url,
            "--token-file",
            tmp_path / "secret",
            "--name",
            name,
            "--directory",
            tmp_path / name,
        )

    assert code == 0
    made = [read_certificate(tmp_path / name / "resource.crt") for name in ("node1@cluster", "node2@cluster")]
    assert [inventory.name_of(one) for one in made] == ["node1@cluster; LGI", "node2@cluster; LGI"]
    assert [grant.name for grant in office.registered] == ["node1@cluster", "node2@cluster"]
    stored = (office.authority.directory / enrolment_secret.FILE).read_text()
    assert word.split(".")[1] not in stored
    assert (office.authority.directory / enrolment_secret.FILE).stat().st_mode & 0o777 == 0o600


def test_a_new_secret_ends_the_old_one_at_once(run: Run, office: Office) -> None:
    """So does --end; certificates stay."""
    old = make(office)
    assert join(office, old, "node1@cluster")[0] == 200
    new = make(office)

    assert join(office, old, "node2@cluster") == (
        403,
        "unknown secret: it is mistyped, was replaced, or has expired",
    )
    assert join(office, new, "node2@cluster")[0] == 200
    code, out, _ = run(certificates, "--directory", office.authority.directory, "secret", "--end")
    assert (code, out) == (0, "The secret has ended.\n")
    assert join(office, new, "node3@cluster")[0] == 403
    assert (office.authority.directory / "node1@cluster.crt").exists()


@pytest.mark.parametrize(
    "name",
    [
        *(
            "mark@laptop",
            "x@y@cluster",
            "@cluster",
            "a;b@cluster",
            "a,b@cluster",
            "../x@cluster",
            "a/b@cluster",
        ),
        *(
            "node1@clusterx",
            "node1@cluster\n",
            "node1@CLUSTER",
            "any",
            "*@cluster",
            "a b@cluster",
            "ä@cluster",
        ),
    ],
)
def test_a_name_that_is_not_of_the_pattern_is_refused(office: Office, name: str) -> None:
    """Else a machine could take the name of a user."""
    status, why = join(office, make(office), name)

    assert status == 403
    assert "the secret is for names like *@cluster" in why
    assert office.registered == []


def test_a_name_that_is_too_long_is_refused(office: Office) -> None:
    """As the common name of a certificate has 64 characters."""
    status, why = join(office, make(office), f"{'n' * 64}@cluster")

    assert status == 403
    assert "X.509 allows 64" in why


def test_a_name_gets_one_certificate(office: Office) -> None:
    """For its key it is sent again; another key, and one whose certificate was revoked, get none."""
    secret, pem = make(office), request()

    assert [join(office, secret, "node1@cluster", pem)[0] for _ in range(2)] == [200, 200]
    assert join(office, secret, "node1@cluster")[0] == 403
    office.authority.revoke("node1@cluster")
    assert join(office, secret, "node1@cluster", pem)[0] == 403
    assert join(office, secret, "node1@cluster")[0] == 403


def test_a_secret_does_not_replace_a_certificate_of_another_origin(office: Office) -> None:
    """As of a resource that joined with a token of its own."""
    token = office.token("node1@cluster")
    assert office.post({"token": token.secret, "request": request()}).status_code == 200

    assert join(office, make(office), "node1@cluster")[0] == 403


def test_a_secret_is_neither_good_for_ever_nor_for_any_number(office: Office) -> None:
    """Also when many come at once."""
    secret = make(office, most=2)
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda number: join(office, secret, f"n{number}@cluster")[0], range(5)))

    assert sorted(answers) == [200, 200, 403, 403, 403]
    assert join(office, make(office, days=-1), "n9@cluster")[0] == 403


def test_a_secret_makes_no_user_and_a_token_takes_no_name(office: Office, run: Run, tmp_path: Path) -> None:
    """A token of one resource is not accepted as a secret, nor the other way round."""
    secret, token = make(office), office.token()
    folder = ("--directory", tmp_path / "x")

    assert join(office, secret, "node1@cluster", kind="user")[0] == 400
    assert join(office, token.secret, "node1@cluster")[0] == 403
    assert office.post({"token": secret, "request": request()}).status_code == 403
    word = enrolment_secret.word(secret, tokens.fingerprint(office.authority.certificate))
    assert "needs --name" in run(main, office.url, word, *folder)[2]
    assert "has its name" in run(main, office.url, str(token), "--name", "node1@cluster", *folder)[2]
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize("pattern", ["*", "node1@cluster", "*@*", "**@cluster", "a@b*", "*@", "*@a;b"])
def test_a_pattern_of_all_names_is_refused(run: Run, office: Office, pattern: str) -> None:
    """It ends with @ and a host."""
    folder = office.authority.directory

    code, _, err = run(certificates, "--directory", folder, "secret", "--names", pattern, "--project", "LGI")

    assert code == 1
    assert "is not a pattern of names: write *@HOST" in err
    assert not (folder / enrolment_secret.FILE).exists()
