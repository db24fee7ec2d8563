"""Checks of the databases of a server: reached, of this version, and looked after by a scheduler."""

import time
from collections.abc import Iterator
from functools import partial

from lgi_server.cli.setup.check.finding import Finding, error
from lgi_server.cli.setup.check.listening import CLOCK_SECONDS
from lgi_server.config.model import Config
from lgi_server.db import open_database, schema
from lgi_server.db.explanation import explained
from lgi_server.db.pool import Database
from lgi_server.tables import event_queue, server_heartbeats

# An event that is so many seconds late is handled by nobody.
LATE_SECONDS = 120


def check(config: Config) -> Iterator[Finding]:
    """Yield what is wrong with the databases of the projects of a configuration."""
    for project in config.projects.values():
        try:
            schema.check(project.name, project.database)
            database = open_database(project.database)
        except (OSError, ValueError) as why:
            yield error(str(why))
            continue
        try:
            with explained(project.database):
                yield from _content(project.name, database)
        except ValueError as why:
            yield error(str(why))
        finally:
            database.close()


def _content(project: str, database: Database) -> Iterator[Finding]:
    """Check what servers and schedulers have written last."""
    now = int(time.time())
    latest = database.run(server_heartbeats.latest, write=False)
    if latest is not None and latest > now + CLOCK_SECONDS:
        yield error(
            f"project {project}: a server has written the time {latest - now} s ahead of this machine's",
            "set the clocks of both by NTP",
        )
    late = database.run(partial(event_queue.due, now=now - LATE_SECONDS), write=False)
    ever = partial(event_queue.is_queued, event=event_queue.SCHEDULE_CYCLE, latest=10**11)
    if late or not database.run(ever, write=False):
        since = f"for {(now - min(late.values())) // 60} minutes" if late else "yet"
        yield error(
            f"project {project}: no scheduler has run {since}",
            "LGI_server starts it, unless with_server = false; the server's log says why it ends",
        )
