"""The console script of a resource. Its modules are imported when it is called."""

from lgi_protocol.console import Command

daemon = Command("LGI_daemon", "lgi_daemon.cli.main")
