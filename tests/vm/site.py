"""A project server and a resource on one virtual machine, run by the units of the packages."""

from dataclasses import dataclass

from tests.vm.machine import Machine

CONFIGURATION = "/etc/lgi/daemon/LGI.cfg"
# An emulated machine needs minutes for what takes seconds.
SET_UP_SECONDS = 2400.0
SET_UP = f"""
LGI_setup grid --url https://localhost:8443/LGI --admin mark@laptop \\
    --resource desktop@example.org --application command
mkdir -p /etc/systemd/system/lgi-daemon.service.d
printf '[Service]\\nExecStart=\\nExecStart=/usr/bin/LGI_daemon -ft 5 -st 10 {CONFIGURATION}\\n' \\
    > /etc/systemd/system/lgi-daemon.service.d/cycles.conf
systemctl daemon-reload
systemctl start lgi-server lgi-scheduler
"""


@dataclass(frozen=True)
class Site:
    """A machine with a grid."""

    machine: Machine

    def set_up(self, tags: str = "") -> None:
        """Make the grid, with further tags for the application `command`, and start its daemon."""
        self.machine.run(SET_UP, timeout=SET_UP_SECONDS)
        self.machine.run(f"sed -i 's|</application>|{tags} </application>|' {CONFIGURATION}")
        self.machine.run("systemctl start lgi-daemon")
        self.machine.until("LGI_qstat -c /etc/lgi/mark.LGI -L | grep -q '<command>'")

    def submit(self, program: str) -> str:
        """Return the id of a new job of a program of the shell."""
        self.machine.write("/root/program", program.encode())
        return self.machine.run('LGI_run -c /etc/lgi/mark.LGI -- sh -c "$(cat /root/program)"').split()[-1]

    def ended(self, job_id: str) -> str:
        """Return what is said about a job once it has ended, its output too."""
        show = f"LGI_qstat -c /etc/lgi/mark.LGI {job_id}"
        return self.machine.until(
            f"{show} > /root/shown; grep -E 'finished|aborted' /root/shown; cat /root/shown"
        )
