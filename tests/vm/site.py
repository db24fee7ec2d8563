"""A project server and a resource on one virtual machine, run by the units of the packages."""

from dataclasses import dataclass

from tests.vm.machine import Machine

SERVER, JOINING = "https://localhost:8443/LGI", "https://localhost:8444"
CONFIGURATION = "/etc/lgi/daemon/LGI.cfg"
SET_UP = f"""
cd /etc/lgi
LGI_setup grid --directory /etc/lgi --url {SERVER} --admin mark@laptop
systemctl start lgi-server lgi-scheduler
systemd-run -q --unit=listener -p WorkingDirectory=/etc/lgi \\
    LGI_certificates listen localhost --server {SERVER} --register /etc/lgi/server/LGI_server.cfg
LGI_certificates token desktop@example.org --project LGI --url {JOINING} > /root/token
"""
# The token is the word that begins with lgi1.
JOIN = f"""
cd /etc/lgi
LGI_join {JOINING} $(grep -o 'lgi1[^ ]*' /root/token) --directory /etc/lgi/daemon -a command
systemctl stop listener || true
sed -i 's|<run_directory>.*</run_directory>|<run_directory>/var/lib/lgi/jobs</run_directory>|' {CONFIGURATION}
mkdir -p /etc/systemd/system/lgi-daemon.service.d
printf '[Service]\\nExecStart=\\nExecStart=/usr/bin/LGI_daemon -ft 5 -st 10 {CONFIGURATION}\\n' \\
    > /etc/systemd/system/lgi-daemon.service.d/cycles.conf
systemctl daemon-reload
"""


@dataclass(frozen=True)
class Site:
    """A machine with a grid."""

    machine: Machine

    def set_up(self, tags: str = "") -> None:
        """Make the grid, with further tags for the application `command`, and start its daemon."""
        self.machine.run(SET_UP)
        self.machine.until(JOIN)
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
