"""The console scripts of a resource. Their modules are imported when they are called."""

from lgi_protocol.console import Command

daemon = Command("LGI_daemon", "lgi_daemon.cli.main")
pilot = Command("LGI_pilot", "lgi_daemon.pilot.command")
