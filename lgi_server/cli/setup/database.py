"""The first content of a project's database: its tables, this server, and the first rule."""

from lgi_server.cli.setup.options import SetupOptions
from lgi_server.config.model import Config
from lgi_server.db import open_database, schema
from lgi_server.db.explanation import explained
from lgi_server.db.transaction import Transaction
from lgi_server.services.project import administration, bootstrap
from lgi_server.services.project.registration import NewResource
from lgi_server.tables import active_resources
from lgi_server.tables.active_resources import MASTER


def fill(options: SetupOptions, config: Config) -> bool:
    """Create the tables and add this server as master and the first rule; return whether it was filled.

    A database that is in use is left as it is. A slave fetches the content of the tables from its master.
    Raises ValueError when the database cannot be used, and LGIError or AdministrationError.
    """
    address = config.projects[options.project].database
    database = open_database(address)
    try:
        with explained(address):
            schema.make(database)
            if options.master:
                return bootstrap.fill(database, options.server_name, options.project, options.master)
            return bool(database.run(lambda transaction: _register(transaction, options)))
    finally:
        database.close()


def _register(transaction: Transaction, options: SetupOptions) -> bool:
    if active_resources.servers(transaction):
        return False
    certificate = options.peer_certificate.read_text("ascii")
    master = NewResource(options.server_name, options.url, certificate, MASTER)
    administration.set_up(transaction, master, *options.rules)
    return True
