"""The configuration of an object store of S3 that has the repositories."""

from dataclasses import dataclass
from pathlib import Path

from lgi_protocol import s3_settings
from lgi_protocol.s3_signature import S3Credentials
from lgi_server.config.setting import setting


@dataclass(frozen=True)
class ObjectStore:
    """The store of the repositories: its address, the bucket, and the file with the keys of an account."""

    url: str = setting(s3_settings.store_url, name="object_store_url")
    bucket: str = setting(s3_settings.bucket, name="object_store_bucket")
    credentials: Path = setting(Path, name="object_store_credentials", is_file=True)
    prefix: str = setting(s3_settings.prefix, name="object_store_prefix", default="")
    region: str = setting(s3_settings.region, name="object_store_region", default="us-east-1")
    ca_certificate: Path | None = setting(Path, name="object_store_ca", is_file=True, default=None)


def read_credentials(store: ObjectStore) -> S3Credentials:
    """Return the keys in the file of credentials. Raises ValueError, OSError."""
    return s3_settings.read_credentials(store.credentials, store.region)
