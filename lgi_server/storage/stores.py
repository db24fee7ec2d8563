"""The stores of a configuration: files that arrive are local, repositories may be on another host."""

from lgi_server.config.model import Config
from lgi_server.storage.local import Repositories
from lgi_server.storage.repository import Limits, Store


def of_repositories(config: Config, local: Repositories) -> Store:
    """Return the store of the repositories of jobs; ``local`` is that of files that arrive."""
    if not config.remote:
        return local
    # With ssh, tar and gevent's processes, for those who have another host.
    from lgi_server.storage.remote import RemoteRepositories

    limits = Limits(config.max_file_size, config.max_repository_size)
    return RemoteRepositories(config.remote, limits, local.pending, config.repository / ".ssh")
