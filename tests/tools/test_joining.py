"""LGI_join and the authority's listener, over real TLS."""

import io
import json
import logging
import os
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import requests

from lgi_daemon.config.model import Configuration, load
from lgi_tools.certificates import csr, inventory
from lgi_tools.certificates.archive import read_certificate
from lgi_tools.certificates.ca import Authority
from lgi_tools.certificates.keys import KeyType, make_key, read_key
from lgi_tools.certificates.profiles import Kind, Validity
from lgi_tools.certificates.subject import Subject
from lgi_tools.joining import client, client_limiter, http_server, machine_limits, resource_directory, tokens
from lgi_tools.joining.client import Joined, JoinError
from lgi_tools.joining.client_limiter import ClientLimiter
from lgi_tools.joining.command import main
from lgi_tools.joining.http_server import EnrolmentServer, serve, tls_context
from lgi_tools.joining.issuer import Issuer
from lgi_tools.joining.registration import RegistrationTimeoutError
from lgi_tools.joining.tokens import Grant, Token
from tests.support.grid import BIN

Run = Callable[..., tuple[int, str, str]]
NAME = "node@cluster"
REQUEST = csr.make(make_key(KeyType.EC)).decode()


class Office:
    """An authority that listens."""

    def __init__(self, directory: Path, connection_seconds: float = http_server.CONNECTION_SECONDS) -> None:
        self.authority = Authority.create(directory)
        self.host = self.authority.issue_server("localhost")
        self.registered: list[Grant] = []
        # How long a registration takes, in seconds, and how it ends.
        self.takes = 0.0
        self.fails: Exception | None = None
        self.tls = tls_context(self.host.certificate, self.host.key)
        issuer = Issuer(directory, "https://no.where/LGI", self.register)
        self.listener = EnrolmentServer(("127.0.0.1", 0), self.tls, issuer, connection_seconds)
        self.url = f"https://localhost:{self.listener.server_address[1]}"
        self.thread = threading.Thread(target=serve, args=(self.listener, None), daemon=True)
        self.thread.start()

    def register(self, grant: Grant, _certificate: Path) -> str:
        self.registered.append(grant)
        time.sleep(self.takes)
        if self.fails is not None:
            raise self.fails
        return ""

    def token(self, name: str = NAME, force: bool = False, hours: int = 1) -> Token:
        """A good one."""
        ends = datetime.now(UTC) + timedelta(hours=hours)
        secret = tokens.make(self.authority.directory, Grant(name, ("LGI",), ends, force))
        return Token(secret, tokens.fingerprint(self.authority.certificate))

    def post(self, body: object, path: str = "/join") -> requests.Response:
        """Post a body to the enrolment server."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        return requests.post(self.url + path, data=data, verify=self.authority.ca_file, timeout=60)

    def close(self) -> None:
        self.listener.shutdown()
        self.thread.join(60)


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    """One that is closed at the end."""
    opened = Office(tmp_path / "ca")
    yield opened
    opened.close()


def test_a_resource_joins_with_one_command(run: Run, office: Office, tmp_path: Path) -> None:
    """A key made here, a certificate for it, and a configuration the daemon accepts as it is."""
    code, out, err = run(main, office.url, str(office.token()), "--directory", tmp_path / "node")

    made = tmp_path / "node"
    certificate = read_certificate(made / "resource.crt")
    assert inventory.name_of(certificate) == "node@cluster; LGI"
    assert certificate.public_key() == read_key(made / "resource.key").public_key()
    assert (made / "resource.key").stat().st_mode & 0o777 == 0o600
    assert not (office.authority.directory / f"{NAME}.key").exists()
    configuration = load(made / "LGI.cfg", as_root=False)
    assert [(one.name, one.master_server) for one in configuration.projects] == [
        ("LGI", "https://no.where/LGI")
    ]
    assert [grant.name for grant in office.registered] == [NAME]
    # There is no project server: all is written, and the exit code says that something is left to do.
    assert (code, "no answer from https://no.where/LGI" in err) == (1, True)
    assert f"Configuration : {made}/LGI.cfg" in out


def test_a_token_makes_one_certificate(run: Run, office: Office, tmp_path: Path) -> None:
    """A second machine gets an error, and has only its key."""
    token = str(office.token(force=True))
    run(main, office.url, token, "--directory", tmp_path / "first")
    first = read_certificate(office.authority.directory / f"{NAME}.crt")

    code, _, err = run(main, office.url, token, "--directory", tmp_path / "second")

    assert code == 1
    assert "unknown token: it is mistyped, was used, or has expired" in err
    assert f"{tmp_path / 'second' / 'resource.key'} is kept for another attempt; remove it" in err
    assert [path.name for path in (tmp_path / "second").iterdir()] == ["resource.key"]
    assert read_certificate(office.authority.directory / f"{NAME}.crt") == first


def test_exactly_one_of_many_who_come_at_once_is_served(office: Office) -> None:
    """The others get an error, also when they are only slightly later."""
    token = office.token(force=True)
    requests_ = [csr.make(make_key(KeyType.EC)).decode() for _ in range(6)]

    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda one: office.post({"token": token.secret, "request": one}), requests_))

    assert sorted(answer.status_code for answer in answers) == [200] + [403] * 5
    assert len(office.registered) == 1


def test_a_key_is_served_again_after_a_crash_in_the_middle(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing was made; the token is good for this key, and for no other one."""
    token = office.token()
    monkeypatch.setattr(
        Authority, "sign", lambda *_words, **_options: (_ for _ in ()).throw(OSError("crash"))
    )

    first = office.post({"token": token.secret, "request": REQUEST})
    monkeypatch.undo()
    made = (office.authority.directory / f"{NAME}.crt").exists()
    other = office.post({"token": token.secret, "request": csr.make(make_key(KeyType.EC)).decode()})
    second = office.post({"token": token.secret, "request": REQUEST})

    assert [answer.status_code for answer in (first, other, second)] == [500, 403, 200]
    assert not made


def test_a_request_whose_answer_was_lost_is_answered_with_the_same_certificate(office: Office) -> None:
    """The registration is repeated too; another key gets nothing."""
    token = office.token()

    answers = [office.post({"token": token.secret, "request": REQUEST}).json() for _ in range(2)]
    other = office.post({"token": token.secret, "request": csr.make(make_key(KeyType.EC)).decode()})

    assert answers[0] == answers[1]
    assert answers[0]["registered"] is True
    assert len(office.registered) == 2
    assert other.status_code == 403


def test_a_certificate_that_was_made_before_a_crash_is_the_answer(office: Office) -> None:
    """The CA signs no second one, though the token does not count as used."""
    token = office.token()
    key, subject = csr.key_of(REQUEST.encode()), Subject(Kind.RESOURCE, NAME, projects=("LGI",))
    now = datetime.now(UTC)
    with (
        suppress(OSError),
        tokens.redeem(office.authority.directory, token.secret, now, tokens.key_fingerprint(key)),
    ):
        made = office.authority.sign(key, subject, Validity.of_days(9))
        raise OSError("crash")

    answer = office.post({"token": token.secret, "request": REQUEST}).json()

    assert answer["certificate"] == made.read_text()


@pytest.mark.parametrize("change", ["revoked", "replaced"])
def test_a_used_token_brings_no_certificate_back(office: Office, change: str) -> None:
    """What the administrator has revoked, or replaced with another token, stays so."""
    token = office.token(force=True)
    office.post({"token": token.secret, "request": REQUEST})
    if change == "revoked":
        office.authority.revoke(NAME)
    else:
        other = csr.make(make_key(KeyType.EC)).decode()
        office.post({"token": office.token(force=True).secret, "request": other})
    before = (office.authority.directory / f"{NAME}.crt").read_bytes()

    answer = office.post({"token": token.secret, "request": REQUEST})

    told = {"revoked": "was revoked or removed", "replaced": "a certificate for another key since"}[change]
    assert answer.status_code == 403
    assert told in answer.json()["error"]
    assert (office.authority.directory / f"{NAME}.crt").read_bytes() == before


def test_a_token_that_has_ended_is_refused(office: Office) -> None:
    """The answer has the reason, since the client has the secret of the token."""
    answer = office.post({"token": office.token(hours=-1).secret, "request": REQUEST})

    assert (answer.status_code, answer.json()["error"]) == (403, "the token has expired: ask for a new one")


@pytest.mark.parametrize(
    "body",
    [
        *(b"", b"[]", b"null", b"{", b'{"token": 1, "request": 2}', b"[" * 16000, b'{"token": "\xff"}'),
        b'{"token": "\\ud800", "request": ""}',
    ],
)
def test_an_invalid_request_is_refused_in_words(office: Office, body: bytes) -> None:
    """400, and no token is spent by it."""
    answer = office.post(body)

    assert answer.status_code == 400
    assert answer.json()["error"]


def test_a_bad_signing_request_costs_no_token(office: Office) -> None:
    """The next one may be good."""
    token = office.token()

    bad = office.post({"token": token.secret, "request": "nonsense"})
    good = office.post({"token": token.secret, "request": REQUEST})

    assert (bad.status_code, good.status_code) == (400, 200)


def test_a_body_that_is_too_long_or_of_unknown_length_is_not_read(office: Office) -> None:
    """413 and 411, before any of it."""
    long = office.post(b" " * (http_server.LARGEST_BODY + 1))
    unknown = requests.post(
        f"{office.url}/join", data=iter([b"x"]), verify=office.authority.ca_file, timeout=60
    )

    assert (long.status_code, unknown.status_code) == (413, 411)


@pytest.mark.parametrize("path", ["/", "/ca.key", "/../ca.key", "/tokens/", "/join"])
def test_only_the_ca_can_be_read(office: Office, path: str) -> None:
    """No file is ever looked for."""
    context = ssl.create_default_context(cafile=office.authority.ca_file)
    with (
        socket.create_connection(office.listener.server_address[:2]) as plain,
        context.wrap_socket(plain, server_hostname="localhost") as connection,
    ):
        connection.sendall(f"GET {path} HTTP/1.0\r\n\r\n".encode())
        answer = b"".join(iter(lambda: connection.recv(4096), b""))

    assert answer.startswith(b"HTTP/1.0 404 ")
    assert b"BEGIN" not in answer


def test_other_methods_and_places_do_nothing(office: Office) -> None:
    """There is one thing to post, and one to get."""
    statuses = [
        requests.request(
            method, f"{office.url}/join", verify=office.authority.ca_file, timeout=60
        ).status_code
        for method in ("PUT", "DELETE", "OPTIONS", "HEAD")
    ]

    assert statuses == [501] * 4
    assert office.post({}, "/elsewhere").status_code == 404


def test_a_network_that_is_refused_too_often_is_muted_for_a_minute() -> None:
    """The eleventh refusal in a minute is not logged; other networks still get reasons."""
    now = [0.0]
    limiter = ClientLimiter(lambda: now[0])

    for _ in range(client_limiter.MAX_REFUSED):
        assert not limiter.is_muted("192.0.2.1")
        limiter.count_refused("192.0.2.1")
        now[0] += 1

    assert limiter.is_muted("192.0.2.1")
    assert not limiter.is_muted("192.0.2.2")
    now[0] += client_limiter.REFUSED_SECONDS
    assert not limiter.is_muted("192.0.2.1")


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::9", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
    ],
)
def test_all_addresses_of_a_network_are_one_client(address: str, network: str) -> None:
    """One machine may take any address of its /64 of IPv6."""
    assert client_limiter.network_of(address) == network


def test_a_valid_token_is_served_however_many_invalid_ones_came(
    office: Office, caplog: pytest.LogCaptureFixture
) -> None:
    """Those behind one router have one address; what is refused after the tenth fills no log."""
    token = office.token()
    caplog.set_level(logging.INFO)
    wrong = [
        office.post({"token": f"x{number}", "request": REQUEST}).status_code
        for number in range(2 * client_limiter.MAX_REFUSED)
    ]

    answer = office.post({"token": token.secret, "request": REQUEST})

    assert wrong == [403] * client_limiter.MAX_REFUSED + [429] * client_limiter.MAX_REFUSED
    assert answer.status_code == 200
    assert caplog.text.count("refused with") == client_limiter.MAX_REFUSED


@pytest.fixture
def impatient_office(tmp_path: Path) -> Iterator[Office]:
    """One that gives a connection two seconds."""
    opened = Office(tmp_path / "ca", connection_seconds=2.0)
    yield opened
    opened.close()


@pytest.mark.slow
def test_a_registration_may_take_longer_than_a_request(
    run: Run, impatient_office: Office, tmp_path: Path
) -> None:
    """The client is waiting for it: the time limit of a connection is for what the client sends and reads."""
    impatient_office.takes = 2.5

    _, out, err = run(
        main, impatient_office.url, str(impatient_office.token()), "--directory", tmp_path / "node"
    )

    assert "Configuration : " in out, err


def test_a_registration_that_takes_too_long_costs_no_token(run: Run, office: Office, tmp_path: Path) -> None:
    """The same command is said to be repeated, and succeeds."""
    words = (office.url, str(office.token()), "--directory", tmp_path / "node")
    office.fails = RegistrationTimeoutError("ManageDB did not end in 60 seconds")
    first, _, err = run(main, *words)
    office.fails = None

    _, out, _ = run(main, *words)

    assert first == 1
    assert "takes too long: give the same command again; the token stays valid for this key" in err
    assert "Configuration : " in out
    assert len(office.registered) == 2


def test_a_slow_client_is_cut_off_and_holds_up_nobody(impatient_office: Office) -> None:
    """A drip of bytes is no use: the whole connection has its time, before and after the handshake."""
    office = impatient_office
    address = office.listener.server_address[:2]
    context = ssl.create_default_context(cafile=office.authority.ca_file)
    silent = socket.create_connection(address)
    plain = socket.create_connection(address)
    dripping = context.wrap_socket(plain, server_hostname="localhost")
    dripping.sendall(b"POST /join HTTP/1.0\r\nContent-Length: 1000\r\n\r\n")

    assert office.post({"token": office.token().secret, "request": REQUEST}).status_code == 200
    began = time.monotonic()
    dripping.settimeout(60)
    silent.settimeout(60)
    ended = False
    while not ended and time.monotonic() - began < 60:
        try:
            dripping.sendall(b" ")
            time.sleep(0.1)
        except OSError:
            ended = True

    assert ended
    assert silent.recv(1) == b""
    silent.close()
    dripping.close()


def silent_connections(office: Office, source: str, number: int) -> list[socket.socket]:
    """So many connections from an address of this machine that say nothing."""
    address = office.listener.server_address[:2]
    return [socket.create_connection(address, 60, (source, 0)) for _ in range(number)]


@pytest.mark.slow
def test_silent_connections_of_eight_addresses_keep_nobody_out(office: Office) -> None:
    """They are closed for who comes, the oldest first; each address has a few."""
    held: list[socket.socket] = []
    for number in range(2, 12):
        held += silent_connections(office, f"127.0.0.{number}", client_limiter.MAX_PER_NETWORK)

    answers = [office.post({"token": office.token(force=True).secret, "request": REQUEST}) for _ in range(3)]

    assert [answer.status_code for answer in answers] == [200] * 3
    assert held[0].recv(1) == b""
    for one in held:
        one.close()


def test_silent_connections_behind_the_same_router_keep_nobody_out(office: Office) -> None:
    """The oldest one of the address goes; a request that is being answered does not."""
    held = silent_connections(office, "127.0.0.1", client_limiter.MAX_PER_NETWORK)

    answer = office.post({"token": office.token().secret, "request": REQUEST})

    assert answer.status_code == 200
    assert held[0].recv(1) == b""
    held[-1].settimeout(0.2)
    with pytest.raises(TimeoutError):
        held[-1].recv(1)
    for one in held:
        one.close()


def test_a_connection_that_is_answered_is_not_closed_for_others() -> None:
    """A new connection may then be rejected."""
    limiter = ClientLimiter()
    pairs = [socket.socketpair() for _ in range(client_limiter.MAX_PER_NETWORK + 1)]
    *served, late = [own for own, _ in pairs]
    for own in served:
        assert limiter.enter(own, "192.0.2.1")
        limiter.has_request(own)

    assert not limiter.enter(late, "192.0.2.1")
    assert limiter.enter(late, "192.0.2.2")
    limiter.leave(late)
    limiter.leave(served[0])
    assert limiter.enter(late, "192.0.2.1")
    for own in (*served[1:], late):
        limiter.leave(own)
    for pair in pairs:
        for one in pair:
            one.close()


@pytest.mark.parametrize("source", ["file", "input"])
def test_a_token_need_not_be_an_argument(
    run: Run, office: Office, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str
) -> None:
    """Other users of the machine see arguments."""
    file = tmp_path / "token"
    file.write_text(f"{office.token()}\n")
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(file.read_bytes())))
    given = str(file) if source == "file" else "-"

    run(main, office.url, "--token-file", given, "--directory", tmp_path / "node")

    assert (tmp_path / "node" / "resource.crt").exists()


def test_a_token_is_asked_for_on_a_terminal(office: Office, tmp_path: Path) -> None:
    """The typed token is not shown."""
    keyboard, screen = os.openpty()
    words = [BIN / "LGI_join", office.url, "--directory", tmp_path / "node"]
    program = subprocess.Popen(words, stdin=screen, stdout=screen, stderr=screen, start_new_session=True)
    shown = b""
    while b"Token:" not in shown:
        shown += os.read(keyboard, 1000)
    os.write(keyboard, f"{office.token()}\n".encode())
    program.wait(60)
    os.close(screen)
    with suppress(OSError):
        while more := os.read(keyboard, 1000):
            shown += more
    os.close(keyboard)

    assert (tmp_path / "node" / "resource.crt").exists()
    assert b"lgi1." not in shown


def test_an_authority_the_token_does_not_name_is_not_believed(
    run: Run, office: Office, tmp_path: Path
) -> None:
    """A server that impersonates the real one never receives the token."""
    seen: list[object] = []
    office.listener.issuer.join = lambda asked: seen.append(asked) or {}  # type: ignore[method-assign]
    other = Token("secret", tokens.fingerprint(Authority.create(tmp_path / "other").certificate))

    code, _, err = run(main, office.url, str(other), "--directory", tmp_path / "node")

    assert code == 1
    assert "is not that of the token: check the URL and the token, and do not trust this server" in err
    assert seen == []
    assert not (tmp_path / "node").exists()


def test_the_token_is_sent_to_the_host_of_the_url_only(run: Run, office: Office, tmp_path: Path) -> None:
    """A host with the CA's public certificate but none of its own is refused in the handshake."""
    url = office.url.replace("localhost", "127.0.0.1")

    code, _, err = run(main, url, str(office.token()), "--directory", tmp_path / "node")

    assert code == 1
    assert "IP address mismatch" in err


def test_a_certificate_that_does_not_fit_is_not_used(office: Office, tmp_path: Path) -> None:
    """It is for another key, of another CA, or without the announced projects."""
    key = make_key(KeyType.EC)
    ca = office.authority.ca_file.read_text()
    stranger = Authority.create(tmp_path / "other").issue_resource(NAME).certificate.read_text()
    other_key = office.authority.issue_resource(NAME, ("LGI",)).certificate.read_text()

    for certificate, words in (
        (stranger, "cannot be used"),
        (other_key, "for another key"),
        ("x", "cannot be"),
    ):
        told = Joined(certificate, ca, NAME, ("LGI",), "https://x/LGI", True)
        with pytest.raises(JoinError, match=words):
            client.check_certificate(told, key)


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        ((), "URL and TOKEN are required"),
        (("https://x", "word"), "invalid token"),
        (("http://x", "TOKEN"), "is not a URL that begins with https://"),
        (
            ("https://x", "TOKEN", "-a", "nothing"),
            "unknown application 'nothing': give command, hello",
        ),
        (("https://x", "TOKEN", "-a", "command:lsf"), "has no back-end 'lsf'"),
        (("https://x", "TOKEN", "-a", "command", "-a", "command:pbs"), "command is given twice"),
        (("https://x", "TOKEN", "--directory", "."), "LGI.cfg already exists: use another --directory"),
        (("https://x", "TOKEN", "--check"), "--check cannot be combined with"),
        (("--check",), "LGI_resource/LGI.cfg: No such file"),
    ],
)
def test_a_mistake_costs_no_token(run: Run, tmp_path: Path, words: tuple[str, ...], problem: str) -> None:
    """It is found before anybody is asked."""
    Path("LGI.cfg").write_text("mine")
    good = str(Token("x", "0" * 64))

    code, _, err = run(main, *(good if word == "TOKEN" else word for word in words))

    assert code == 1
    assert problem in err


def test_a_try_that_failed_goes_on_with_its_key(run: Run, office: Office, tmp_path: Path) -> None:
    """After a mistyped token the directory need not be removed."""
    wrong = Token("wrong", tokens.fingerprint(office.authority.certificate))
    run(main, office.url, str(wrong), "--directory", tmp_path / "node")
    key = (tmp_path / "node" / "resource.key").read_bytes()

    run(main, office.url, str(office.token()), "--directory", tmp_path / "node")

    assert (tmp_path / "node" / "resource.key").read_bytes() == key
    assert (tmp_path / "node" / "LGI.cfg").exists()


def test_the_settings_left_to_an_administrator_are_listed(
    run: Run, office: Office, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The script that is to be looked at, what it says, and what of that is not here."""
    monkeypatch.setattr("shutil.which", lambda _name: None)
    place = tmp_path / "node"

    _, out, err = run(
        main,
        office.url,
        str(office.token()),
        "--directory",
        place,
        "-a",
        "command:container",
        "-a",
        "hello_world",
    )

    script = place / "command" / "container"
    assert (
        "<capabilities_script> ./command/container </capabilities_script>" in (place / "LGI.cfg").read_text()
    )
    assert (
        f"Settings      : {script} says container=bwrap images=/srv/images max_cpus=2 max_memory=4000"
        " max_walltime=86400\n"
    ) in out
    assert f"warning: jobs without an image fail unless default_image is set in {script}\n" in err
    assert f"warning: bwrap is not installed: set container in {script}\n" in err
    assert (
        f"warning: /srv/images is not a directory, so that no images are available: set images in {script}\n"
        in err
    )


@pytest.mark.parametrize("backend", ["command", "command:slurm", "command:container"])
def test_every_shipped_application_is_configured_as_the_daemon_wants_it(tmp_path: Path, backend: str) -> None:
    """The configuration has two applications, two projects, and comments."""
    authority = Authority.create(tmp_path / "ca")
    issued = authority.issue_resource(NAME, ("A", "B"))
    applications = (resource_directory.find("hello_world"), resource_directory.find(backend))
    joined = Joined(
        issued.certificate.read_text(), authority.ca_file.read_text(), NAME, ("A", "B"), "https://x/LGI", True
    )
    (tmp_path / "node").mkdir()
    (tmp_path / "node" / "resource.key").write_bytes(issued.key.read_bytes())

    resource_directory.write_certificates(tmp_path / "node", joined)
    file = resource_directory.write(tmp_path / "node", joined, applications)

    configuration = load(file, as_root=False)
    assert [project.name for project in configuration.projects] == ["A", "B"]
    script = backend.partition(":")[2] or "process"
    for project in configuration.projects:
        assert [one.name for one in project.applications] == ["hello_world", "command"]
        assert project.applications[1].check_system_limits_script == tmp_path / "node" / "command" / script
    assert "<!-- Maximum number of jobs per owner" in file.read_text()
    assert file.read_text().startswith(f"<!-- The resource {NAME}, written by LGI_join.")
    _check_limits(configuration, backend)


@pytest.mark.parametrize("name", ["image_store", "manage"])
def test_an_application_of_named_owners_stays_theirs(name: str) -> None:
    """The limits of a machine are for owners who have some: none for all others is a rule."""
    text = (Path(__file__).parents[2] / "applications" / name / "LGI.cfg.example").read_text()

    raised = machine_limits.raised(text, machine_limits.MachineLimits(4, 4000), has_queue=False)

    assert raised.count("<owner_allow> <any> 20 </any>") == 2
    assert raised.count("<owner_allow> <any> 0 </any>") == 1


def _check_limits(configuration: Configuration, backend: str) -> None:
    """The machine bounds plain processes, a batch system its own; an owner may have all of the jobs."""
    limits = machine_limits.of_this_machine()
    plain, other = configuration.projects[0].applications
    whole = configuration.rules
    jobs = 100 if backend == "command:slurm" else max(20, limits.cores)
    for rules in (whole, configuration.projects[0].rules, plain.rules, other.rules):
        assert (rules.limit_of("anybody"), rules.job_limit) == (jobs, jobs)
    is_bounded = [bool(rules.cpu_limit) for rules in (whole, plain.rules, other.rules)]
    assert is_bounded == [backend != "command:slurm", backend == "command:slurm", False]
    bound = plain.rules if backend == "command:slurm" else whole
    assert (bound.cpu_limit, bound.memory_limit) == (limits.cores, limits.memory)


@pytest.mark.parametrize("backend", ["command", "command:slurm"])
def test_gpus_of_the_machine_stand_in_a_new_configuration(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, backend: str
) -> None:
    """Those that nvidia-smi lists; before a batch system none, since its nodes have them."""
    program = tmp_path / "nvidia-smi"
    program.write_text("#!/bin/sh\necho 'GPU 0: A (UUID: GPU-1)'\necho 'GPU 1: A (UUID: GPU-2)'\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    authority = Authority.create(tmp_path / "ca")
    issued = authority.issue_resource(NAME, ("A",))
    joined = Joined(
        issued.certificate.read_text(), authority.ca_file.read_text(), NAME, ("A",), "https://x/LGI", True
    )
    (tmp_path / "node").mkdir()
    (tmp_path / "node" / "resource.key").write_bytes(issued.key.read_bytes())

    resource_directory.write_certificates(tmp_path / "node", joined)
    file = resource_directory.write(tmp_path / "node", joined, (resource_directory.find(backend),))

    assert load(file, as_root=False).gpus == (() if backend == "command:slurm" else ("0", "1"))


def test_the_log_never_holds_a_token(office: Office, caplog: pytest.LogCaptureFixture) -> None:
    """It has the client, the resource and the reason; received control characters are escaped."""
    caplog.set_level(logging.INFO)
    token = office.token()
    office.post({"token": token.secret, "request": REQUEST})
    office.post({"token": token.secret, "request": csr.make(make_key(KeyType.EC)).decode()})

    assert "a certificate for node@cluster; LGI" in caplog.text
    assert "refused with 403" in caplog.text
    assert token.secret not in caplog.text
