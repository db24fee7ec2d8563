"""The shell script that the batch system runs: it starts a daemon and notes its begin and its end."""

import shlex
from pathlib import Path

from lgi_daemon.pilot.settings import PilotDaemon

# Files in the directory of a pilot. A pilot that was forgotten has no record any more, and starts nothing.
RECORD, SCRIPT, BEGAN, ENDED, OUTPUT, LOG, RUN = (
    *("record.json", "script", "began", "ended", "output", "log"),
    "run",
)


def pilot_script(folder: Path, daemon: PilotDaemon) -> str:
    """Return the script of the pilot with this directory. It contains no name and no text of others."""
    command = shlex.join([*daemon.command(), "--run-directory", RUN, "-l", LOG, str(daemon.configuration)])
    return f"""#!/bin/sh
# Made by LGI_pilot.
cd -- {shlex.quote(str(folder))} || exit 1
[ -e {RECORD} ] || exit 1
: > {BEGAN}
{command} > {OUTPUT} 2>&1 < /dev/null
code=$?
echo "$code" > {ENDED}.new && mv -f {ENDED}.new {ENDED}
exit "$code"
"""
