"""Orphaned repositories, which belong to no job, and the list of resources for web servers.

A submit creates its repository before it stores its job: a server that is killed in between leaves an orphan.
"""

import logging
import os
import tempfile
from collections.abc import Iterable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path

from lgi_protocol import comma_lists
from lgi_server.db.pool import Database
from lgi_server.storage.local import Repositories
from lgi_server.tables import active_resources
from lgi_server.tables.active_resources import NO_SERVER
from lgi_server.tables.job_queue import jobs, repositories

log = logging.getLogger("lgi.scheduler")
# The file with the names of resources, for web servers that serve repositories for LGI.
RESOURCE_LIST = ".LGI_resource_list"
# Each clean-up checks one of so many parts of the repositories; names are spread evenly over them.
PARTS = 16


def remove_orphans(store: Repositories, databases: Sequence[Database], age: int, part: int, now: int) -> int:
    """Remove the repositories of one part that belong to no job of any project; return how many.

    Those younger than ``age`` seconds stay, since their jobs may not be stored yet. Raises LGIError, and
    removes none, when a database cannot be reached.
    """
    old = store.old_names(part % PARTS, now - age)
    removed = 0
    for begin in range(0, len(old), jobs.AT_ONCE):
        some = old[begin : begin + jobs.AT_ONCE]
        find = partial(repositories.names_among, names=some)
        known = {name for database in databases for name in database.run(find, write=False)}
        for name in some:
            if name not in known:
                log.info("removing %s, which belongs to no job", name)
                store.remove(name)
                removed += 1
    return removed


def write_resource_list(root: Path, databases: Iterable[Database]) -> bool:
    """Write the names of the resources of all projects to RESOURCE_LIST; return whether it has changed."""
    everyone = [one for database in databases for one in database.run(active_resources.everyone, write=False)]
    names = sorted({one.resource_name for one in everyone if one.project_server == NO_SERVER})
    text = comma_lists.join(names)
    path = root / RESOURCE_LIST
    with suppress(OSError):
        if not path.is_symlink() and path.read_text("utf-8") == text:
            return False
    descriptor, written = tempfile.mkstemp(dir=root, prefix=RESOURCE_LIST)
    with os.fdopen(descriptor, "w", encoding="utf-8") as opened:
        opened.write(text)
    os.chmod(written, 0o640)
    os.replace(written, path)
    return True
