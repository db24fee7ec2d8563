"""The console scripts of a project server. The modules of a command are imported when it is called."""

from lgi_protocol.console import Command

server = Command("LGI_server", "lgi_server.cli.server")
scheduler = Command("LGI_scheduler", "lgi_server.cli.scheduler")
setup = Command("LGI_setup", "lgi_server.cli.setup.command")
manage_db = Command("ManageDB", "lgi_server.cli.manage_db.command")
