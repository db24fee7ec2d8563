"""A running job with its own key and certificate."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.types import CertificateIssuerPrivateKeyTypes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from lgi_protocol.client import Client
from lgi_protocol.credentials import Credentials
from lgi_protocol.resource_api import ResourceCalls
from lgi_tools.certificates import keys
from lgi_tools.certificates.keys import KeyType
from tests.support.grid import PROJECT, Grid

REFERENCE = "0123456789ABCDEF" * 2


def signing_request(key: CertificateIssuerPrivateKeyTypes, name: str = "root") -> bytes:
    """What a daemon posts for a job's key; the names in it count for nothing."""
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    alternative = x509.SubjectAlternativeName([x509.UniformResourceIdentifier("lgi-job:job_id=1")])
    builder = x509.CertificateSigningRequestBuilder().subject_name(subject)
    builder = builder.add_extension(alternative, critical=False)
    return builder.sign(key, hashes.SHA256()).public_bytes(Encoding.DER)


def take(grid: Grid, resource: ResourceCalls, reference: str = REFERENCE, application: str = "") -> str:
    """Have a resource take one queued job, as its daemon would; the job's number."""
    offer = resource.request_work(application or "hello_world", 0, 1)
    (job,) = offer.jobs
    resource.update(
        job.job_id,
        state="running",
        target_resources=offer.resource,
        job_specifics=f"<daemon_reference> {reference} </daemon_reference> {job.job_specifics}",
    )
    resource.unlock(job.job_id)
    return job.job_id


@dataclass
class JobClaims:
    """What a job knows of itself, and what it can do with its key."""

    grid: Grid
    resource: ResourceCalls
    job_id: str
    credentials: Credentials
    repository: str

    @cached_property
    def client(self) -> Client:
        """Connections as this job, which are kept from call to call."""
        return Client(self.grid.url, self.credentials)

    @property
    def calls(self) -> ResourceCalls:
        """The calls of a resource, made by this job, outside of any session."""
        return ResourceCalls(self.client, PROJECT)

    def ask(self, method: str, url: str, data: object = None) -> requests.Response:
        """One request with the job's certificate, the address exactly as given."""
        session = self.client.session
        request = requests.Request(method, "https://x/", data=data)  # type: ignore[arg-type]
        prepared = session.prepare_request(request)
        prepared.url = url
        return session.send(prepared, verify=session.verify)

    def list(self, repository: str = "") -> requests.Response:
        """The files of a repository, its own unless another is named."""
        name = (repository or self.repository).rpartition("/")[2]
        return self.ask("GET", f"{self.grid.url}/repository/repository_content.php?repository={name}")

    def submit(self, **fields: str) -> str:
        """The number of a job of this job."""
        usual = {"application": "hello_world", "target_resources": "any", "state": "queued", "owners": "any"}
        return self.calls.submit(usual | fields).value("job", "job_id")


def started(grid: Grid, directory: Path, resource: str = "res1@cluster", **fields: str) -> JobClaims:
    """A new job of mark@laptop that runs on a resource and has been given its certificate."""
    calls = grid.resource(resource)
    grid.user().submit(**fields)
    return certified(grid, calls, take(grid, calls), directory)


def certified(grid: Grid, calls: ResourceCalls, job_id: str, directory: Path) -> JobClaims:
    """A job that a resource has taken, its key and certificate put into a directory."""
    key = keys.make_key(KeyType.EC)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    pem = calls.job_certificate(job_id, REFERENCE, signing_request(key))
    key_file, certificate_file = directory / f"job{job_id}.key", directory / f"job{job_id}.crt"
    keys.write_file(key_file, keys.key_pem(key), keys.SECRET, replace=True)
    keys.write_file(certificate_file, pem, keys.PUBLIC, replace=True)
    credentials = Credentials(key_file, certificate_file, grid.people.authority.ca_file)
    return JobClaims(grid, calls, job_id, credentials, repository_of(grid, job_id))


def repository_of(grid: Grid, job_id: object) -> str:
    """The URL of a job's repository."""
    (row,) = grid.rows("SELECT repository FROM job_queue WHERE job_id = %s", job_id)
    name = str(row["repository"])
    return f"{grid.url}/repository/{name[-3:]}/{name}"
