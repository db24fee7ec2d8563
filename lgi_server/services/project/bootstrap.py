"""A new slave server: all that is in its project's five tables comes from the master, change by change."""

from lgi_protocol.errors import LGIError
from lgi_server.db.pool import Database
from lgi_server.services.project import replication
from lgi_server.services.project.administration import AdministrationError
from lgi_server.services.project.peers import Master
from lgi_server.services.project.replication import LocalServer
from lgi_server.tables import active_resources
from lgi_server.tables.active_resources import MASTER, SLAVE


def check(master: Master, name: str, url: str) -> None:
    """Ask the master for its first change; Unacceptable with what to do there when it does not tell.

    Before anything is made here.
    """
    try:
        master.next_update(0)
    except LGIError as error:
        reason = f" ({error.__cause__})" if error.__cause__ else ""
        raise AdministrationError(
            f"{error}{reason}. Is {name} registered there? On the master: ManageDB add resources allowed"
            f" --name {name} --url {url} --certificate {name}.crt --project-server 2 --servers any"
        ) from None


def fill(database: Database, name: str, project: str, master: Master) -> bool:
    """Make all changes of the master here; whether any were missing. Unacceptable when they leave us out."""
    done = replication.cycle(database, LocalServer(name), master.next_update)
    servers = database.run(active_resources.servers, write=False)
    roles = {server.resource_name: server.project_server for server in servers}
    if MASTER not in roles.values() or roles.get(name) != SLAVE:
        raise AdministrationError(
            f"the changes of project {project} name {', '.join(roles) or 'no server'}: they must name its"
            f" master and, as a slave, {name}, each for --servers any"
        )
    return done > 0
