"""The console script of a resource. What it is made of is loaded when it is called."""

from lgi_protocol.console import Command

daemon = Command("LGI_daemon", "lgi_daemon.cli.main")
