"""What a program shows a project server, and what it demands of one: against real TLS."""

import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization

from lgi_protocol.client import Client
from lgi_protocol.credentials import Credentials
from lgi_protocol.errors import TransportError
from lgi_tools.certificates.ca import Authority
from lgi_tools.certificates.profiles import Validity
from tests.support.tls_server import Listening, listening


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """The CA of our project."""
    return Authority.create(tmp_path_factory.mktemp("ours") / "ca")


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Another CA with the same name."""
    return Authority.create(tmp_path_factory.mktemp("other") / "ca")


@pytest.fixture(scope="module")
def server(ours: Authority) -> Iterator[Listening]:
    """Our server, which is called localhost and nothing else."""
    with listening(ours.issue_server("localhost"), ours.ca_file) as started:
        yield started


@pytest.fixture(scope="module")
def strange_server(other: Authority, ours: Authority) -> Iterator[Listening]:
    """A server of the right name with a certificate of another CA."""
    with listening(other.issue_server("localhost"), ours.ca_file) as started:
        yield started


@pytest.fixture(scope="module")
def mark(ours: Authority) -> Credentials:
    """A user's credentials."""
    issued = ours.issue_user("mark")
    return Credentials(issued.key, issued.certificate, ours.ca_file)


def post(url: str, credentials: Credentials) -> int:
    """One call; which of the server's answers it was."""
    client = Client(url, credentials)
    try:
        return client.post("interfaces/interface_job_state", {"project": "LGI"}).number("answer")
    finally:
        client.close()


def test_a_server_of_the_right_name_is_trusted_and_sees_who_calls(
    server: Listening, mark: Credentials
) -> None:
    """Both show a certificate of the project's CA."""
    assert post(server.url(), mark) > 0
    assert server.callers[-1] == "mark"


def test_a_server_of_another_name_is_refused(server: Listening, mark: Credentials) -> None:
    """Its certificate is for localhost, and it was asked as 127.0.0.1."""
    before = len(server.callers)

    with pytest.raises(TransportError, match=r"127\.0\.0\.1"):
        post(server.url("127.0.0.1"), mark)

    assert len(server.callers) == before


def test_any_server_of_the_project_is_accepted_without_the_host_check(
    server: Listening, mark: Credentials
) -> None:
    """``-W`` skips the comparison of the host name."""
    assert post(server.url("127.0.0.1"), replace(mark, check_host=False)) > 0


@pytest.mark.parametrize("check_host", [True, False])
def test_a_server_of_another_ca_is_refused(
    strange_server: Listening, mark: Credentials, check_host: bool
) -> None:
    """``-W`` never skips the chain."""
    with pytest.raises(TransportError, match="certificate"):
        post(strange_server.url(), replace(mark, check_host=check_host))

    assert strange_server.callers == []


@pytest.mark.parametrize("check_host", [True, False])
def test_an_expired_server_is_refused(ours: Authority, mark: Credentials, check_host: bool) -> None:
    """Nor is the time of validity."""
    now = datetime.now(UTC)
    validity = Validity(now - timedelta(days=2), now - timedelta(days=1))
    expired = ours.issue_server("localhost", validity=validity, force=True)

    with listening(expired, ours.ca_file) as old, pytest.raises(TransportError) as refused:
        post(old.url(), replace(mark, check_host=check_host))

    assert refused.value.reason == (
        "certificate verify failed: certificate has expired: "
        "the server needs a new certificate, unless the clock of this machine is wrong"
    )


@pytest.mark.parametrize("check_host", [True, False])
@pytest.mark.parametrize(
    "variable", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR"]
)
def test_the_environment_widens_no_trust(
    strange_server: Listening,
    mark: Credentials,
    other: Authority,
    monkeypatch: pytest.MonkeyPatch,
    variable: str,
    check_host: bool,
) -> None:
    """The configured CA is trusted and no other, whatever the variables say."""
    directory = variable == "SSL_CERT_DIR"
    monkeypatch.setenv(variable, str(other.directory if directory else other.ca_file))

    with pytest.raises(TransportError, match="certificate"):
        post(strange_server.url(), replace(mark, check_host=check_host))


def test_the_environment_takes_no_trust_away(
    server: Listening, mark: Credentials, other: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A CA bundle in the environment does not replace ours."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(other.ca_file))

    assert post(server.url(), mark) > 0


def test_passwords_of_the_environment_are_not_sent(
    server: Listening, mark: Credentials, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A .netrc is not for us: the certificate is all that a server learns."""
    (tmp_path / "netrc").write_text("machine localhost login mark password secret\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))

    post(server.url(), mark)

    assert server.passwords[-1] is None


def test_an_encrypted_key_is_refused_without_a_question(mark: Credentials, tmp_path: Path) -> None:
    """OpenSSL would ask on the terminal, and a daemon has none."""
    key = serialization.load_pem_private_key(mark.key.read_bytes(), None)
    encrypted = tmp_path / "encrypted.key"
    encrypted.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"secret"),
        )
    )

    with pytest.raises(ValueError, match=r"encrypted\.key: the key is encrypted"):
        replace(mark, key=encrypted).session()


@pytest.mark.parametrize("field", ["key", "certificate", "ca"])
@pytest.mark.parametrize("content", [None, b"", b"no PEM\n"])
def test_an_unusable_file_is_named(
    mark: Credentials, tmp_path: Path, field: str, content: bytes | None
) -> None:
    """Missing, empty or something else."""
    path = tmp_path / f"my.{field}"
    if content is not None:
        path.write_bytes(content)

    with pytest.raises(ValueError, match=rf"my\.{field}"):
        replace(mark, **{field: path}).session()


def test_a_key_of_another_certificate_is_refused(mark: Credentials, ours: Authority) -> None:
    """Both files are named."""
    stranger = ours.issue_user("frank", force=True)

    with pytest.raises(ValueError, match=r"mark\.crt with the key .*frank\.key"):
        replace(mark, key=stranger.key).session()


def test_ten_calls_cost_one_handshake(server: Listening, mark: Credentials) -> None:
    """Connections are kept."""
    client = Client(server.url(), mark)
    before = server.handshakes

    answers = [
        client.post("resources/resource_job_state", {"job_id": "1"}).number("answer") for _ in range(10)
    ]

    client.close()
    assert answers == list(range(answers[0], answers[0] + 10))
    assert server.handshakes == before + 1


def test_a_session_goes_on_when_the_file_of_its_ca_is_gone(
    server: Listening, strange_server: Listening, mark: Credentials, tmp_path: Path
) -> None:
    """The CA was read before: a new connection is verified as before, and trusts no other CA."""
    copy = Path(shutil.copy(mark.ca, tmp_path / "ca.crt"))
    client, other = (Client(one.url(), replace(mark, ca=copy)) for one in (server, strange_server))
    copy.unlink()

    answer = client.post("resources/resource_job_state", {"job_id": "1"}).number("answer")

    assert answer > 0
    with pytest.raises(TransportError, match="certificate"):
        other.post("resources/resource_job_state", {"job_id": "1"})
    client.close()
    other.close()


@pytest.mark.parametrize(("check_host", "asserted"), [(True, None), (False, False)])
def test_a_proxy_does_not_change_the_check_of_a_server(
    mark: Credentials, check_host: bool, asserted: bool | None
) -> None:
    """The same context and the same choice about the name, through a proxy of the environment."""
    session = replace(mark, check_host=check_host).session()

    manager = session.get_adapter("https://x/").proxy_manager_for("http://proxy:3128")  # type: ignore[attr-defined]

    assert manager.connection_pool_kw["ssl_context"].check_hostname is check_host
    assert manager.connection_pool_kw.get("assert_hostname") is asserted


def test_an_address_where_nobody_listens_is_unreachable(mark: Credentials) -> None:
    """The reason is the system's own words."""
    with pytest.raises(TransportError, match="Connection refused") as raised:
        post("https://localhost:1/LGI", mark)

    assert raised.value.server == "https://localhost:1/LGI"
