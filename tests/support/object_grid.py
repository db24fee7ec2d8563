"""A project server whose repositories are in an object store."""

from pathlib import Path

from lgi_protocol.s3_bucket import S3Bucket
from lgi_protocol.s3_errors import S3Error
from lgi_protocol.s3_requests import S3Call, S3Place, S3Requests
from lgi_protocol.s3_signature import S3Credentials
from tests.support.grid import Grid

ACCESS, SECRET, BUCKET, PREFIX = "test:tester", "testing-secret", "lgi-files", "grid/jobs/"


def requests(url: str, bucket: str = BUCKET) -> S3Requests:
    """Return what makes requests to a bucket of a store of the tests."""
    return S3Requests(S3Place(url, bucket), S3Credentials(ACCESS, SECRET))


def make_bucket(url: str) -> S3Bucket:
    """Make the bucket of a grid, unless it is there, and return it."""
    made = requests(url)
    try:
        made.text(S3Call("make a bucket", "PUT"))
    except S3Error as error:
        if not error.code.startswith("BucketAlready"):
            raise
    return S3Bucket(made)


def credentials(directory: Path) -> Path:
    """Write the file with the keys of the store."""
    file = directory / "store_credentials"
    file.write_text(f"[default]\naws_access_key_id = {ACCESS}\naws_secret_access_key = {SECRET}\n")
    file.chmod(0o600)
    return file


def grid_at(url: str, directory: Path, **settings: str) -> Grid:
    """Return a project server, not started, with its repositories in a store."""
    usual = {
        "object_store_url": url,
        "object_store_bucket": BUCKET,
        "object_store_prefix": PREFIX,
        "object_store_credentials": str(credentials(directory)),
        "workers": "1",
    }
    return Grid(settings=usual | settings)
