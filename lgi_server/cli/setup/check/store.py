"""Checks of an object store: whether the server can write, list, read and remove an object there."""

import secrets
from collections.abc import Iterator
from urllib.parse import urlsplit

from lgi_protocol.s3_bucket import S3Bucket
from lgi_protocol.s3_errors import S3Error
from lgi_server.cli.setup.check.finding import Finding, error, warning
from lgi_server.config.model import Config
from lgi_server.config.object_store import ObjectStore

_LOCAL = {"127.0.0.1", "::1", "localhost"}


def check(config: Config) -> Iterator[Finding]:
    """Yield what is wrong with the object store of a configuration, if it has one."""
    settings = config.object_store
    if settings is None:
        return
    parts = urlsplit(settings.url)
    if parts.scheme == "http" and parts.hostname not in _LOCAL:
        why = f"{settings.url} is not encrypted: others in the network can read the files"
        yield warning(why, "set object_store_url to its https address")
    # Its modules are for servers with such a store only.
    from lgi_server.storage import stores

    try:
        _try(stores.bucket(settings, config.requests_at_once), settings)
    except (S3Error, OSError, ValueError) as why:
        advice = "compare the settings of [object_store] with those of the store, see docs/storage.md"
        yield error(f"{settings.url}, bucket {settings.bucket}: {why}", advice)


def _try(bucket: S3Bucket, settings: ObjectStore) -> None:
    key = f"{settings.prefix}LGI_check_{secrets.token_hex(8)}"
    bucket.put_bytes(key, b"LGI")
    try:
        if [one.size for one in bucket.objects(key)] != [3] or bucket.head(key).size != 3:
            raise S3Error("an object that was stored is not listed with its size")
    finally:
        bucket.remove([key])
