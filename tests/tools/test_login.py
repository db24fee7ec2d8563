"""LGI_login: a user joins with a token, over real TLS."""

import os
import resource
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding

from lgi_protocol import common_name
from lgi_tools.certificates import csr, inventory, pkcs12
from lgi_tools.certificates.archive import read_certificate
from lgi_tools.certificates.ca import Authority
from lgi_tools.certificates.keys import KeyType, make_key, read_key
from lgi_tools.certificates.profiles import Kind
from lgi_tools.client import settings
from lgi_tools.commands.certificates import main as certificates
from lgi_tools.joining import tokens
from lgi_tools.joining.command import main as join
from lgi_tools.joining.login_command import main
from lgi_tools.joining.tokens import Grant, Token
from tests.support.grid import Grid

from .test_joining import Office
from .test_joining import office as office  # a fixture

Run = Callable[..., tuple[int, str, str]]
NAME = "anna@desk"
FILES = {
    "user",
    "groups",
    "defaultserver",
    "defaultproject",
    "privatekey",
    "certificate",
    "ca_chain",
    "authority",
}
# Ends the program at the n-th change of a name in a directory.
KILLED = """
import os, sys
left = int(sys.argv.pop(1))
def stop(event, arguments):
    global left
    if event in {"os.rename", "os.mkdir", "os.remove", "os.rmdir"}:
        left -= 1
        if not left:
            os._exit(9)
sys.addaudithook(stop)
from lgi_tools.joining.login_command import main
sys.exit(main())
"""


def token(office: Office, *, force: bool = False, hours: int = 1, limit: str = "") -> Token:
    """A token for a user of two groups."""
    ends = datetime.now(UTC) + timedelta(hours=hours)
    grant = Grant(NAME, ("LGI",), ends, force, Kind.USER, ("theor", "chem"), limit)
    secret = tokens.make(office.authority.directory, grant)
    return Token(secret, tokens.fingerprint(office.authority.certificate), Kind.USER)


def request() -> str:
    """A request for a certificate."""
    return csr.make(make_key(KeyType.EC)).decode()


def contents(place: Path) -> dict[str, bytes]:
    """All files of a directory."""
    return {path.name: path.read_bytes() for path in place.rglob("*") if path.is_file()}


def fits(place: Path) -> bool:
    """Whether key and certificate of a user's directory belong together."""
    certificate, key = read_certificate(place / "certificate"), read_key(place / "privatekey")
    return certificate.public_key() == key.public_key()


def test_a_user_logs_in_with_one_command(run: Run, office: Office, tmp_path: Path) -> None:
    """A key made here, a certificate for it, and the settings that all commands read."""
    place = tmp_path / "mine"

    code, out, err = run(main, office.url, str(token(office)), "-c", str(place))

    found = settings.read_directory(place)
    assert (code, "no answer from https://no.where/LGI" in err) == (0, True)
    assert (found.user, found.groups, found.project) == (NAME, "theor, chem", "LGI")
    assert found.server == "https://no.where/LGI"
    assert inventory.name_of(read_certificate(place / "certificate")) == f"{NAME}; theor, chem; LGI"
    assert set(contents(place)) == FILES
    assert fits(place)
    assert stat.S_IMODE((place / "privatekey").stat().st_mode) == 0o600
    assert stat.S_IMODE(place.stat().st_mode) == 0o700
    assert not (office.authority.directory / f"{NAME}.key").exists()
    assert f"User        : {NAME}, groups theor, chem\n" in out


def test_a_token_is_read_from_a_file(run: Run, office: Office, tmp_path: Path) -> None:
    """So that nobody sees it in the list of processes; without one it is asked for."""
    (tmp_path / "token").write_text(f"{token(office)}\n")

    done = run(main, office.url, "--token-file", str(tmp_path / "token"), "-c", str(tmp_path / "mine"))
    asked = run(main, office.url, "-c", str(tmp_path / "other"))

    assert done[0] == 0
    assert asked[0] == 1
    assert "TOKEN or --token-file is required" in asked[2]


def test_a_token_is_read_from_a_pipe(
    run: Run, office: Office, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that the command of the administrator can be written before it; an empty pipe has none."""
    for number, text in enumerate((f"{token(office)}\n", "")):
        reading, writing = os.pipe()
        os.write(writing, text.encode())
        os.close(writing)
        with os.fdopen(reading) as stdin:
            monkeypatch.setattr(sys, "stdin", stdin)
            code, _, err = run(main, office.url, "-c", str(tmp_path / f"mine{number}"))

        assert code == number
        assert ("TOKEN or --token-file is required" in err) == bool(number)


@pytest.mark.parametrize("word", ["nonsense", "lgi1.x", "lgiuser1.x." + "0" * 63, ""])
def test_a_token_that_is_none_is_refused_here(run: Run, office: Office, tmp_path: Path, word: str) -> None:
    """Nothing is sent and nothing made."""
    code, _, err = run(main, office.url, word or "x", "-c", str(tmp_path / "mine"))

    assert (code, (tmp_path / "mine").exists()) == (1, False)
    assert "invalid token" in err


def test_a_token_of_a_resource_makes_no_user(run: Run, office: Office, tmp_path: Path) -> None:
    """Nor the other way round; both stay valid, also when a program of others sends them."""
    node, anna = office.token(), token(office)

    wrong = run(main, office.url, str(node), "-c", str(tmp_path / "mine"))
    other = run(join, office.url, str(anna), "--directory", str(tmp_path / "node"))
    as_user = office.post({"token": node.secret, "request": request(), "kind": "user"})
    as_node = office.post({"token": anna.secret, "request": request()})
    as_ca = office.post({"token": anna.secret, "request": request(), "kind": "authority"})

    assert "the token is for a resource: use it with LGI_join" in wrong[2]
    assert "the token is for a user: use it with LGI_login" in other[2]
    assert (as_user.status_code, as_node.status_code, as_ca.status_code) == (403, 403, 400)
    assert office.post({"token": anna.secret, "request": request(), "kind": "user"}).status_code == 200
    assert office.post({"token": node.secret, "request": request()}).status_code == 200


def test_an_older_listener_does_not_know_tokens_of_users(office: Office) -> None:
    """It would make a resource of the user: the stored name has another field."""
    anna = token(office)

    (stored,) = (office.authority.directory / "tokens").glob("*.json")

    assert '"name"' not in stored.read_text()
    assert tokens.find(office.authority.directory, anna.secret, datetime.now(UTC), Kind.USER).name == NAME


def test_a_token_makes_one_certificate_of_a_user(run: Run, office: Office, tmp_path: Path) -> None:
    """A second machine gets an error and no certificate."""
    word = str(token(office))
    run(main, office.url, word, "-c", str(tmp_path / "first"))

    code, _, err = run(main, office.url, word, "-c", str(tmp_path / "second"))

    assert code == 1
    assert "unknown token: it is mistyped, was used, or has expired" in err
    assert not (tmp_path / "second" / "certificate").exists()


def test_a_token_of_yesterday_is_refused(run: Run, office: Office, tmp_path: Path) -> None:
    """With the reason."""
    code, _, err = run(main, office.url, str(token(office, hours=-1)), "-c", str(tmp_path / "mine"))

    assert code == 1
    assert "the token has expired: ask for a new one" in err


def test_a_name_in_the_request_is_ignored(office: Office) -> None:
    """The certificate has the name and groups of the token, whatever the request says."""
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "root@desk; admin; any")])
    built = x509.CertificateSigningRequestBuilder().subject_name(name)
    signed = built.sign(make_key(KeyType.EC), hashes.SHA256()).public_bytes(Encoding.PEM).decode()
    posted = {
        "token": token(office).secret,
        "request": signed,
        "kind": "user",
        "name": "root",
        "groups": ["admin"],
    }

    answer = office.post(posted).json()

    made = x509.load_pem_x509_certificate(answer["certificate"].encode())
    assert inventory.name_of(made) == f"{NAME}; theor, chem; LGI"
    assert (answer["name"], answer["groups"]) == (NAME, ["theor", "chem"])


def test_another_authority_is_not_trusted(run: Run, office: Office, tmp_path: Path) -> None:
    """The token names the key of its CA; no secret is sent to another one."""
    good = token(office)
    wrong = Token(good.secret, "0" * 64, Kind.USER)

    code, _, err = run(main, office.url, str(wrong), "-c", str(tmp_path / "mine"))

    assert (code, (tmp_path / "mine").exists()) == (1, False)
    assert "is not that of the token" in err
    assert office.post({"token": good.secret, "request": request(), "kind": "user"}).status_code == 200


@pytest.mark.parametrize("path", ["", "/LGI", "/nowhere"])
def test_the_address_of_the_project_server_is_not_that_of_the_authority(
    run: Run, grid: Grid, tmp_path: Path, path: str
) -> None:
    """Neither program shows the words of a library; both say which address is meant. No token is sent."""
    base = grid.url.removesuffix("/LGI")
    user, resource = (Token("secret", "0" * 64, kind) for kind in (Kind.USER, Kind.RESOURCE))

    answers = [
        run(main, f"{base}{path}", str(user), "-c", str(tmp_path / "mine")),
        run(join, f"{base}{path}", str(resource), "--directory", str(tmp_path / "node")),
    ]

    for code, out, err in answers:
        assert (code, out) == (1, "")
        assert f"{base}{path} is not the address of LGI_certificates listen, it answers " in err
        assert "by default https://localhost:8444, not the URL of the project server" in err
        assert "PEM" not in err
    assert not (tmp_path / "mine").exists()
    assert not (tmp_path / "node").exists()


def test_an_existing_directory_is_left_alone(run: Run, office: Office, home: Path) -> None:
    """Without --force nothing is changed, and the token stays valid."""
    before = contents(home / ".LGI")
    word = token(office)

    code, _, err = run(main, office.url, str(word))

    assert code == 1
    assert "already exists: use --force to replace it" in err
    assert contents(home / ".LGI") == before
    assert office.post({"token": word.secret, "request": request(), "kind": "user"}).status_code == 200


def test_an_existing_directory_is_replaced_by_force(run: Run, office: Office, home: Path) -> None:
    """Settings that are not of the login stay."""
    (home / ".LGI" / "defaultapplication").write_text("vasp\n")

    code, _, _ = run(main, office.url, str(token(office)), "--force")

    found = settings.read_directory(home / ".LGI")
    assert (code, found.user, found.application) == (0, NAME, "vasp")
    assert fits(home / ".LGI")
    assert set(contents(home / ".LGI")) == FILES | {"defaultapplication"}


def test_a_refused_login_by_force_changes_nothing(run: Run, office: Office, home: Path) -> None:
    """Only the new key is kept aside, for another attempt."""
    before = contents(home / ".LGI")

    code, _, _ = run(main, office.url, str(token(office, hours=-1)), "--force")

    assert code == 1
    assert {path.name: path.read_bytes() for path in (home / ".LGI").iterdir() if path.is_file()} == before


def test_a_directory_of_others_gets_no_key(run: Run, office: Office, tmp_path: Path) -> None:
    """Others could replace the files; the token stays valid."""
    place = tmp_path / "mine"
    place.mkdir()
    place.chmod(0o777)
    word = token(office)

    code, _, err = run(main, office.url, str(word), "-c", str(place))

    assert (code, list(place.iterdir())) == (1, [])
    assert f"others can write to {place}" in err
    assert office.post({"token": word.secret, "request": request(), "kind": "user"}).status_code == 200


@pytest.mark.parametrize("place", ["/proc/nowhere/mine", "file/mine"])
def test_a_directory_that_cannot_be_made_costs_no_token(run: Run, office: Office, place: str) -> None:
    """The message names it."""
    Path("file").touch()
    word = token(office)

    code, _, err = run(main, office.url, str(word), "-c", place)

    assert code == 1
    assert place.partition("/mine")[0] in err
    assert office.post({"token": word.secret, "request": request(), "kind": "user"}).status_code == 200


def test_a_full_disk_costs_no_token(office: Office, tmp_path: Path) -> None:
    """It is found before the token is sent, not when the certificate has come."""
    word = token(office)
    words = [
        sys.executable,
        "-c",
        "from lgi_tools.joining.login_command import main; raise SystemExit(main())",
    ]

    done = subprocess.run(
        [*words, office.url, str(word), "-c", str(tmp_path / "mine")],
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (5000, 5000)),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert done.returncode == 1
    assert "File too large" in done.stderr
    assert not (tmp_path / "mine" / "certificate").exists()
    assert office.post({"token": word.secret, "request": request(), "kind": "user"}).status_code == 200


def test_one_of_two_logins_at_once_wins(office: Office, tmp_path: Path) -> None:
    """The other one finds the files and leaves them."""
    place = tmp_path / "mine"
    words = [str(token(office, force=True)) for _ in range(2)]
    program = "from lgi_tools.joining.login_command import main; raise SystemExit(main())"

    def log_in(word: str) -> int:
        command = [sys.executable, "-c", program, office.url, word, "-c", str(place)]
        return subprocess.run(command, capture_output=True, timeout=60, check=False).returncode

    with ThreadPoolExecutor(2) as pool:
        codes = sorted(pool.map(log_in, words))

    assert codes == [0, 1]
    assert fits(place)
    assert set(contents(place)) == FILES


def killed(office: Office, word: str, place: Path, turn: int, *more: str) -> int:
    """The exit code of a login that is ended at a change of a name: 9, or 0 when there are fewer."""
    words = [str(turn), office.url, word, "-c", str(place), *more]
    done = subprocess.run(
        [sys.executable, "-c", KILLED, *words], capture_output=True, timeout=60, check=False
    )
    return done.returncode


def turns(office: Office, start: Callable[[], tuple[Path, list[str]]]) -> Iterator[tuple[Path, str]]:
    """Directory and token after a login that was ended at its first, second ... change, until it is not."""
    for turn in range(1, 100):
        place, more = start()
        word = str(token(office, force=True))
        if killed(office, word, place, turn, *more) == 0:
            return
        yield place, word
    raise AssertionError("it never ends by itself")


@pytest.mark.slow
def test_a_login_that_is_killed_anywhere_is_repeated_or_finished(
    run: Run, office: Office, tmp_path: Path
) -> None:
    """The next one works with the same token, whether the former had received its certificate or not."""
    number = 0

    def start() -> tuple[Path, list[str]]:
        nonlocal number
        number += 1
        return tmp_path / f"mine-{number}", []

    finished = 0
    for place, word in turns(office, start):
        code, _, err = run(main, office.url, word, "-c", str(place))

        finished += "the former login, which was interrupted, is finished" in err
        if code:
            # All of its files were in place, and the rest was removed.
            assert "already exists" in err
        assert fits(place)
        assert set(contents(place)) == FILES
    assert finished >= len(FILES)


@pytest.mark.slow
def test_a_directory_is_whole_after_a_killed_replacement(run: Run, office: Office, tmp_path: Path) -> None:
    """The former login stays until the new one is complete; then the next command finishes it."""
    number = 0

    def start() -> tuple[Path, list[str]]:
        nonlocal number
        number += 1
        place = tmp_path / f"mine-{number}"
        run(main, office.url, str(token(office, force=True)), "-c", str(place))
        return place, ["--force"]

    for place, _ in turns(office, start):
        if not (place / ".login" / "complete").exists():
            assert fits(place)
        code, _, _ = run(main, office.url, str(token(office, force=True)), "-c", str(place), "--force")

        assert code == 0
        assert fits(place)
        assert set(contents(place)) == FILES


def test_a_browser_gets_the_key_as_pkcs12(run: Run, office: Office, tmp_path: Path) -> None:
    """With the login, or later; a file that is there is not replaced, and costs no token."""
    place, file = tmp_path / "mine", tmp_path / "anna.p12"
    (tmp_path / "password").write_text("secret\n")
    words = ["-c", str(place), "--pkcs12", str(file)]

    code, out, _ = run(main, office.url, str(token(office)), *words)
    refused = run(main, *words)
    later = run(main, *words, "--force", "--password-file", str(tmp_path / "password"))

    password = out.partition("Password    : ")[2].partition(" ")[0]
    assert (code, refused[0], later[0]) == (0, 1, 0)
    assert password
    assert "already exists" in refused[2]
    assert "Password" not in later[1]
    bundle = pkcs12.unpack(file, "secret")
    assert bundle.certificate == read_certificate(place / "certificate")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_the_rule_of_a_user_is_registered(run: Run, office: Office, tmp_path: Path) -> None:
    """Only when the token has a limit; without a server on that host the user is told."""
    run(main, office.url, str(token(office, limit="-100")), "-c", str(tmp_path / "first"))
    run(main, office.url, str(token(office, force=True)), "-c", str(tmp_path / "second"))

    assert [(grant.name, grant.groups, grant.limit) for grant in office.registered] == [
        (NAME, ("theor", "chem"), "-100")
    ]


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (("--user", "a;b"), "would be read differently"),
        (("--user", "a", "--limit", "many"), "'many' is not a limit"),
        (("--user", "a", "node@x", "--project", "LGI"), "give either the NAME of a resource, or --user NAME"),
        ((), "give either the NAME of a resource, or --user NAME"),
        (("node@x", "--project", "LGI", "--group", "g"), "--group and --limit are for users"),
        (("--user", "here@x"), "here@x.crt already exists: use --force for a token"),
        (
            ("--user", "both@x", "--force"),
            "both@x.key already exists: a user that joins generates its own key",
        ),
    ],
)
def test_a_token_of_no_use_to_a_user_is_not_made(
    run: Run, tmp_path: Path, words: tuple[str, ...], problem: str
) -> None:
    """An error that would occur later is reported now."""
    authority = Authority.create(tmp_path / "ca")
    authority.issue_user("here@x").key.unlink()
    authority.issue_user("both@x")

    code, out, err = run(certificates, "--directory", str(tmp_path / "ca"), "token", *words)

    assert (code, out) == (1, "")
    assert problem in err
    assert not (tmp_path / "ca" / "tokens").exists()


def test_the_token_of_a_user_is_printed_apart_from_the_command(run: Run, tmp_path: Path) -> None:
    """A user who copies the command does not put the token into the list of processes."""
    Authority.create(tmp_path / "ca")
    words = ("token", "--user", NAME, "--groups", "theor,chem", "--project", "LGI", "--url", "https://x:1")

    code, out, _ = run(certificates, "--directory", str(tmp_path / "ca"), *words)

    word = out.partition("and enters ")[2].strip()
    grant = tokens.find(tmp_path / "ca", tokens.read(word, Kind.USER).secret, datetime.now(UTC), Kind.USER)
    assert code == 0
    assert "the user runs LGI_login https://x:1\n" in out
    assert (grant.name, grant.groups, grant.projects) == (NAME, ("theor", "chem"), ("LGI",))
    assert str(common_name.compose(grant.name, grant.groups, grant.projects)) == f"{NAME}; theor, chem; LGI"
    assert os.listdir(tmp_path / "ca" / "tokens")
