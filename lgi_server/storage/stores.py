"""The stores of a configuration: the one that this server serves, and the one of the repositories of jobs."""

from typing import TYPE_CHECKING

from lgi_server.config import object_store
from lgi_server.config.model import Config
from lgi_server.config.object_store import ObjectStore
from lgi_server.storage.local import Repositories
from lgi_server.storage.repository import Limits, Store

if TYPE_CHECKING:
    from lgi_protocol.s3_bucket import S3Bucket


def server_store(config: Config) -> Repositories:
    """Return the store of the repositories that this server serves, and of files that arrive.

    Raises OSError or ValueError for a file of the configuration that cannot be used.
    """
    if config.object_store is not None:
        return _in_object_store(config, config.object_store)
    return Repositories(
        config.repository,
        config.max_file_size,
        config.max_repository_size,
        f"{config.url}/repository",
        config.disk_reserve,
    )


def of_repositories(config: Config, here: Repositories) -> Store:
    """Return the store of the repositories of jobs; ``here`` is that of this server."""
    if not config.remote:
        return here
    # With ssh, tar and gevent's processes, for those who have another host.
    from lgi_server.storage.remote import RemoteRepositories

    limits = Limits(config.max_file_size, config.max_repository_size)
    return RemoteRepositories(config.remote, limits, here.pending, config.repository / ".ssh")


def _in_object_store(config: Config, settings: ObjectStore) -> Repositories:
    # Its modules are for servers with such a store only.
    from lgi_server.storage.objects import ObjectRepositories

    return ObjectRepositories(config, bucket(settings, config.requests_at_once), settings.prefix)


def bucket(settings: ObjectStore, requests_at_once: int) -> "S3Bucket":
    """Return the bucket of an object store; OSError or ValueError for a file that cannot be used.

    Of the requests of a process that are served at once a quarter may wait for the store.
    """
    import ssl

    from lgi_protocol.s3_bucket import S3Bucket, file_digest
    from lgi_protocol.s3_requests import S3Place, S3Requests
    from lgi_server.storage.store_gate import StoreGate
    from lgi_server.storage.threadpool import run_in_thread

    context = ssl.create_default_context(cafile=settings.ca_certificate)
    place = S3Place(settings.url, settings.bucket)
    gate = StoreGate(max(8, requests_at_once // 4))
    requests = S3Requests(place, object_store.read_credentials(settings), context, gate.request)
    return S3Bucket(requests, digest=lambda file, size: run_in_thread(file_digest, file, size))
