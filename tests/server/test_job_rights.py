"""What a job may do with its certificate, tried by somebody who has its key and wants more."""

import socket
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from lgi_protocol.client import Client, Unreachable
from lgi_protocol.credentials import Credentials
from lgi_protocol.errors import ServerError
from lgi_server import job_identity, jobs_authority
from lgi_server.app import create_app
from lgi_server.calls import CALLS, JOB_CALLS
from lgi_server.job_identity import RunningJob as Named
from lgi_tools.certificates import key_files
from lgi_tools.certificates.authority import read_certificate
from lgi_tools.certificates.key_files import KeyType
from tests.grid import Grid, refusal
from tests.running_jobs import REFERENCE, RunningJob, certified, repository_of, signing_request, started, take

OWNER = "mark@laptop"
METHODS = ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"]


@pytest.fixture
def job(grid: Grid, tmp_path: Path) -> RunningJob:
    """A job of mark@laptop on res1@cluster."""
    return started(grid, tmp_path)


def test_a_job_keeps_its_files_in_its_repository(job: RunningJob) -> None:
    """List, upload, download and delete: what scripts do with LGI_filetransfer."""
    put = job.ask("PUT", f"{job.repository}/result", b"42")
    listed = job.list().text
    got = job.ask("GET", f"{job.repository}/result")
    deleted = job.ask("DELETE", f"{job.repository}/result")

    assert (put.status_code, got.content, deleted.status_code) == (200, b"42", 200)
    assert "<file_name> result </file_name>" in listed
    assert "<number_of_files> 1 </number_of_files>" in job.list().text


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE"])
def test_the_files_of_others_are_not_for_a_job(grid: Grid, job: RunningJob, method: str) -> None:
    """Though its own resource could reach them; what is not there is refused in the same words."""
    eve = grid.user("eve@laptop", ("eve",))
    theirs = repository_of(grid, eve.submit(target_resources="res1@cluster"))
    eve.client.session.put(f"{theirs}/secret", data=b"s")
    nowhere = f"{grid.url}/repository/000/JOB_{'0' * 32}/secret"

    refused, unknown = job.ask(method, f"{theirs}/secret", b"x"), job.ask(method, nowhere, b"x")

    assert (refused.status_code, unknown.status_code) == (403, 403)
    assert refused.text == unknown.text
    assert eve.client.session.get(f"{theirs}/secret").content == b"s"
    assert (job.list(theirs).status_code, job.list(nowhere.rpartition("/")[0]).status_code) == (403, 403)


def test_a_job_may_read_what_an_owner_of_it_may_read_and_change_none_of_it(
    grid: Grid, job: RunningJob
) -> None:
    """A job that goes on where another one stopped fetches that one's files."""
    user = grid.user()
    older = repository_of(grid, user.submit())
    user.client.session.put(f"{older}/restart", data=b"r")

    assert job.ask("GET", f"{older}/restart").content == b"r"
    assert "restart" in job.list(older).text
    assert job.ask("PUT", f"{older}/restart", b"x").status_code == 403
    assert job.ask("DELETE", f"{older}/restart").status_code == 403
    assert user.client.session.get(f"{older}/restart").content == b"r"


def test_the_job_of_an_administrator_does_not_read_everything(grid: Grid, tmp_path: Path) -> None:
    """Each job may be read by the administrators, and jobs run on machines of others."""
    boss = grid.user("boss@x", ("admin",))
    calls = grid.resource()
    boss.submit(read_access="boss@x")
    job = certified(grid, calls, take(grid, calls), tmp_path)
    theirs = repository_of(grid, grid.user("eve@laptop", ("eve",)).submit())

    assert job.list().status_code == 200
    assert job.list(theirs).status_code == 403


def test_no_path_leads_out_of_the_repository(grid: Grid, job: RunningJob) -> None:
    """Dots, encoded or not, other directories, LGI's own files."""
    eve = grid.user("eve@laptop", ("eve",))
    theirs = repository_of(grid, eve.submit())
    eve.client.session.put(f"{theirs}/secret", data=b"s")
    tail = theirs.partition("/repository/")[2]
    own = job.repository
    tricks = [
        f"{own}/../../{tail}/secret",
        f"{own}/%2e%2e/%2e%2e/{tail}/secret",
        f"{own}/..%2f..%2f{tail.replace('/', '%2f')}%2fsecret",
        f"{own}//../../{tail}/secret",
        f"{own}/./../../{tail}/secret",
        f"{own}%2f..%2f..%2f{tail}/secret",
        f"{own.rpartition('/')[0]}/{theirs.rpartition('/')[2]}/secret",
        f"{own}/..",
        f"{own}/../../../../etc/passwd",
    ]

    for trick in tricks:
        for method in ("GET", "PUT", "DELETE"):
            answer = job.ask(method, trick, b"x")
            # Where there is no repository at all, the answer is that of every page.
            no_page = "<error> <number> 2 </number>" in answer.text
            assert no_page or answer.status_code in {400, 403, 404}, (method, trick)
    assert eve.client.session.get(f"{theirs}/secret").content == b"s"
    assert job.ask("PUT", f"{own}/.LGI_repository_write_access", b"any").status_code == 400
    assert job.list(f"x/{own.rpartition('/')[2]}/../{theirs.rpartition('/')[2]}").status_code == 403


def all_that_can_be_posted(grid: Grid, job: RunningJob) -> dict[str, str]:
    """Fields with which each call would do what it is for, were they from whom they name."""
    return {
        "project": "LGI",
        "user": OWNER,
        "groups": "theor, cyttron",
        "session_id": job.resource.session_id,
        "resource_name": "res1@cluster",
        "job_id": job.job_id,
        "daemon_reference": REFERENCE,
        "request": signing_request(key_files.make_key(KeyType.EC)).hex(),
        "application": "hello_world",
        "applications": "hello_world",
        "target_resources": "any",
        "state": "finished",
        "output": "41",
        "owners": OWNER,
        "capabilities": "<other> </other>",
        "version": "0",
        "start": "0",
        "limit": "1",
    }


def test_a_job_may_make_one_call(job: RunningJob) -> None:
    """Whoever adds another has to say here what a job is to do with it."""
    assert set(JOB_CALLS) == {"resources/resource_submit_job"}


@pytest.mark.parametrize("suffix", ["", ".php"])
@pytest.mark.parametrize("name", sorted(CALLS.keys() - {"resources/resource_submit_job"}))
def test_every_other_call_is_refused(grid: Grid, job: RunningJob, name: str, suffix: str) -> None:
    """Error 2, whoever is named and whatever session of its resource is posted; nothing has changed."""

    def seen() -> object:
        """The tables without times, of which some are stored a second late."""
        tables = ("job_queue", "running_sessions", "active_resources", "running_locks", "updates")
        rows = [row for table in tables for row in grid.rows(f"SELECT * FROM {table}")]
        return sorted(str({name: value for name, value in row.items() if "time" not in name}) for row in rows)

    other = grid.resource("res2@cluster")
    grid.user().submit()
    offered = other.request_work("hello_world", 0, 1).jobs[0].job_id
    before = seen()
    fields = all_that_can_be_posted(grid, job)

    for session_id in (job.resource.session_id, other.session_id):
        for job_id in (job.job_id, offered):
            posted = fields | {"session_id": session_id, "job_id": job_id}
            answer = job.client.session.post(f"{grid.url}/{name}{suffix}", data=posted).text
            assert "<number> 2 </number>" in answer
            assert "<resource>" not in answer
    answer = job.client.session.get(f"{grid.url}/{name}{suffix}", params=fields).text
    assert "<number> 2 </number>" in answer
    assert seen() == before


def test_every_page_is_refused(grid: Grid, job: RunningJob) -> None:
    """All there are, and all there will be: only what everybody may see, and repositories, are asked less."""
    open_to_all = {"landing", "ca_certificate", "crl"}
    app = create_app(grid.config)
    rules = [
        rule.rule
        for rule in app.url_map.iter_rules()
        if rule.endpoint not in open_to_all and not rule.endpoint.startswith("repository.")
    ]
    to_come = [
        f"/LGI{path}" for path in ("/metrics", "/basic_interface/", "/basic_interface/index.php", "/x/y")
    ]
    base = grid.url.removesuffix("/LGI")

    for path in (*rules, *to_come, "/", "/LGI/resources/", "/LGI/servers/none"):
        for method in METHODS:
            answer = job.ask(method, f"{base}{path}")
            assert method == "HEAD" or "<number> 2 </number>" in answer.text, (method, path)


def test_what_a_repository_does_not_know_is_refused(job: RunningJob) -> None:
    """Only the methods that look at who may do it are open to jobs."""
    for method in ("POST", "PATCH", "OPTIONS"):
        assert "<number> 2 </number>" in job.ask(method, f"{job.repository}/x", b"x").text


def test_a_job_submits_a_queued_job_of_its_owners(grid: Grid, job: RunningJob, tmp_path: Path) -> None:
    """Owners are those posted who own the job that asks; it is locked by nobody and has its files."""
    (tmp_path / "in.txt").write_text("hello")
    posted = {
        "application": "hello_world",
        "target_resources": "any",
        "state": "queued",
        "owners": f"theor, eve@laptop, {OWNER}, admin",
        "read_access": "frank@x",
        "job_specifics": f"<daemon_reference> {REFERENCE} </daemon_reference> <a> 1 </a>",
        "input": "4142",
    }

    reply = job.calls.submit(posted, (tmp_path / "in.txt",))

    (row,) = grid.rows("SELECT * FROM job_queue WHERE job_id = %s", reply.value("job", "job_id"))
    assert (row["state"], row["owners"], row["lock_state"]) == ("queued", f"theor, {OWNER}", 0)
    assert (row["read_access"], row["write_access"]) == (
        f"admin, theor, {OWNER}, frank@x",
        f"admin, theor, {OWNER}",
    )
    assert (row["job_specifics"], bytes(row["input"])) == ("<a> 1 </a>", b"AB")  # type: ignore[arg-type]
    assert "in.txt" in job.list(repository_of(grid, row["job_id"])).text
    assert grid.rows("SELECT * FROM running_locks") == []
    assert grid.user().state(int(str(row["job_id"]))) == "queued"


@pytest.mark.parametrize(
    ("fields", "number"),
    [
        ({"state": "running"}, 25),
        ({"state": "finished"}, 25),
        ({"state": "mine"}, 25),
        ({"owners": "eve@laptop"}, 29),
        ({"owners": "any"}, 29),
        ({"owners": "admin"}, 29),
        ({"project": "OTHER"}, 37),
        ({"application": "none"}, 70),
        ({"job_specifics": "<repository_url>x</repository_url><job> </job>"}, 72),
    ],
)
def test_a_submit_that_is_not_for_a_job_is_refused(
    grid: Grid, job: RunningJob, fields: dict[str, str], number: int
) -> None:
    """And leaves no row and no repository."""
    usual = {"owners": OWNER, "application": "hello_world", "target_resources": "any", "state": "queued"}
    before = len(list(grid.config.repository.glob("*/JOB_*")))

    refused = refusal(
        lambda: job.client.post("resources/resource_submit_job", {"project": "LGI"} | usual | fields)
    )

    assert refused == number
    assert len(grid.rows("SELECT job_id FROM job_queue")) == 1
    assert len(list(grid.config.repository.glob("*/JOB_*"))) == before


def test_a_submit_of_a_job_uses_no_session(grid: Grid, job: RunningJob) -> None:
    """A posted one, be it its resource's, is neither needed nor touched: no lock is put on it."""
    posted = {
        "project": "LGI",
        "session_id": job.resource.session_id,
        "application": "hello_world",
        "target_resources": "any",
        "state": "queued",
        "owners": OWNER,
    }

    job.client.post("resources/resource_submit_job", posted)

    assert grid.rows("SELECT * FROM running_locks") == []


def test_the_limits_of_the_owners_hold_for_jobs_of_jobs(grid: Grid, job: RunningJob) -> None:
    """A job that submits itself again and again stops where its owner would."""
    grid.run("DELETE FROM users_allowed")
    grid.run(
        "INSERT INTO users_allowed (user_name, application, job_limit) VALUES (%s, 'hello_world', -3)", OWNER
    )

    job.submit(owners=OWNER)
    job.submit(owners=OWNER)

    assert refusal(lambda: job.submit(owners=OWNER)) == 29


def test_a_user_may_be_called_as_a_resource_or_a_job(grid: Grid, tmp_path: Path) -> None:
    """A job is nobody of any name: what such a user has stays the user's."""
    grid.resource()
    grid.user("res1@cluster", ("res1@cluster",)).submit(write_access="job 1")
    theirs = repository_of(grid, grid.rows("SELECT job_id FROM job_queue")[0]["job_id"])
    grid.set_job(int(str(grid.rows("SELECT job_id FROM job_queue")[0]["job_id"])), state="finished")
    job = started(grid, tmp_path)

    assert job.ask("GET", f"{theirs}/x").status_code == 403
    assert job.ask("PUT", f"{theirs}/x", b"x").status_code == 403
    usual = {"project": "LGI", "user": "res1@cluster", "groups": "res1@cluster"}
    assert refusal(lambda: job.client.post("interfaces/interface_job_state", usual)) == 2


def signed(grid: Grid, job: RunningJob, directory: Path, authority: "Forger", name: str) -> Client:
    """A client with a certificate that says all that the job's does, signed by somebody else."""
    own = read_certificate(job.credentials.certificate)
    key = ec.generate_private_key(ec.SECP256R1())
    common = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)]) if name else own.subject
    # Without the identifiers of keys only the signatures are left to tell.
    identifiers = (x509.AuthorityKeyIdentifier, x509.SubjectKeyIdentifier)
    kept = [one for one in own.extensions if not isinstance(one.value, identifiers)]
    builder = (
        x509.CertificateBuilder(extensions=kept)
        .subject_name(common)
        .issuer_name(authority[0])
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(datetime.now(UTC) - timedelta(hours=1))
        .not_valid_after(datetime.now(UTC) + timedelta(days=1))
    )
    made = builder.sign(authority[1], hashes.SHA256())
    (directory / "forged.crt").write_bytes(made.public_bytes(Encoding.PEM))
    (directory / "forged.key").write_bytes(key_files.key_pem(key))
    files = (directory / "forged.key", directory / "forged.crt", grid.people.authority.ca_file)
    return Client(grid.url, Credentials(*files))


Forger = tuple[x509.Name, key_files.PrivateKey]


def test_an_authority_of_the_same_name_is_another_one(grid: Grid, job: RunningJob, tmp_path: Path) -> None:
    """Its certificates get no handshake; neither do those that the job signs with its own key."""
    jobs_authority.make(tmp_path / "forged-ca.key", tmp_path / "forged-ca.crt", "localhost")
    assert grid.config.jobs_certificate is not None
    real = read_certificate(grid.config.jobs_certificate).subject
    assert read_certificate(tmp_path / "forged-ca.crt").subject == real

    for forger in (
        (real, key_files.read_key(tmp_path / "forged-ca.key")),
        (read_certificate(job.credentials.certificate).subject, key_files.read_key(job.credentials.key)),
    ):
        with pytest.raises(Unreachable):
            signed(grid, job, tmp_path, forger, "").post("resources/resource_submit_job", {})


def test_the_projects_authority_makes_no_jobs(grid: Grid, job: RunningJob, tmp_path: Path) -> None:
    """Who is a job depends on who has signed, not on what is said."""
    project: Forger = (read_certificate(grid.people.authority.ca_file).subject, grid.people.authority._key)

    nobody = signed(grid, job, tmp_path, project, "")
    with pytest.raises(ServerError, match="LGI error 2"):
        nobody.post("resources/resource_submit_job", {"project": "LGI"})
    assert nobody.session.get(f"{job.repository}/x").status_code == 403
    frank = signed(grid, job, tmp_path, project, "frank@x")
    assert frank.session.put(f"{job.repository}/x", data=b"x").status_code == 403
    with pytest.raises(ServerError, match="LGI error 5"):
        frank.post("resources/resource_submit_job", {"project": "LGI"})


def test_what_the_jobs_authority_signs_is_never_ordinary(grid: Grid, job: RunningJob, tmp_path: Path) -> None:
    """Not even with the name of a user: a signature of that key makes a job of it, or nobody."""
    assert grid.config.jobs_key is not None
    assert grid.config.jobs_certificate is not None
    subject = read_certificate(grid.config.jobs_certificate).subject
    forger = (subject, key_files.read_key(grid.config.jobs_key))

    client = signed(grid, job, tmp_path, forger, OWNER)

    fields = {"project": "LGI", "user": OWNER, "groups": OWNER}
    assert refusal(lambda: client.post("interfaces/interface_job_state", fields)) == 2


def test_a_certificate_that_names_no_job_is_nobodys() -> None:
    """The server signs none; should it ever, it is worth nothing."""
    said = job_identity.alternative(Named("LGI", 1, "a&b=c@x", "R")).value
    for text in (
        "https://x/",
        "lgi-job:",
        f"{said}&job_id=2",
        f"{said}&more=1",
        "lgi-job:project=LGI&job_id=1",
    ):
        key = ec.generate_private_key(ec.SECP256R1())
        builder = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([]))
            .issuer_name(x509.Name([]))
            .public_key(key.public_key())
            .serial_number(1)
            .not_valid_before(datetime.now(UTC))
            .not_valid_after(datetime.now(UTC) + timedelta(days=1))
            .add_extension(
                x509.SubjectAlternativeName([x509.UniformResourceIdentifier(text)]), critical=False
            )
        )
        with pytest.raises(ValueError, match=r"job|query"):
            job_identity.read(builder.sign(key, hashes.SHA256()))


def resumed(
    grid: Grid, context: ssl.SSLContext, session: ssl.SSLSession | None, request: str
) -> tuple[str, ssl.SSLSession]:
    """The answer to a request on a new connection that goes on with an older one's session."""
    plain = socket.create_connection(("127.0.0.1", grid.port))
    with context.wrap_socket(plain, server_hostname="localhost", session=session) as connection:
        assert connection.session_reused == (session is not None)
        connection.sendall(f"{request} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
        answer = b""
        while block := connection.recv(65536):
            answer += block
        kept = connection.session
        assert kept is not None
        return answer.decode("latin-1"), kept


def test_a_resumed_session_is_the_same_job(grid: Grid, job: RunningJob) -> None:
    """It carries the job's certificate: no more rights, and none when the job has ended."""
    context = job.credentials.context()
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    own = f"GET {job.repository.partition(str(grid.port))[2]}/.LGI_repository_write_access"
    first, session = resumed(grid, context, None, own)

    again, _ = resumed(grid, context, session, own)
    call, _ = resumed(grid, context, session, "GET /LGI/interfaces/interface_job_state")
    grid.set_job(int(job.job_id), state="finished")
    late, _ = resumed(grid, context, session, own)

    assert first.startswith("HTTP/1.1 200")
    assert again.startswith("HTTP/1.1 200")
    assert "<number> 2 </number>" in call
    assert late.startswith("HTTP/1.1 403")
