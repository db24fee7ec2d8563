"""Set-up of a new slave server: it applies all changes of the master from the first one on."""

from lgi_protocol.errors import LGIError
from lgi_server.db.pool import Database
from lgi_server.services.project import replication
from lgi_server.services.project.peers import Master
from lgi_server.services.project.recorded_changes import AdministrationError
from lgi_server.services.project.replication import LocalServer
from lgi_server.tables import active_resources
from lgi_server.tables.active_resources import MASTER, SLAVE


def check(master: Master, name: str, url: str) -> None:
    """Fetch the first change of the master, before anything is created here.

    Raises AdministrationError, which says what to do on the master, when that fails.
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
    """Apply all changes of the master and return whether any were missing.

    Raises AdministrationError unless they register the master, and this server as a slave.
    """
    done = replication.cycle(database, LocalServer(name), master.next_update)
    servers = database.run(active_resources.servers, write=False)
    roles = {server.resource_name: server.project_server for server in servers}
    if MASTER not in roles.values() or roles.get(name) != SLAVE:
        raise AdministrationError(
            f"the changes of project {project} name {', '.join(roles) or 'no server'}: they must name its"
            f" master and, as a slave, {name}, each for --servers any"
        )
    return done > 0
