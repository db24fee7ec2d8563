"""A SLURM cluster of one node for tests: private directories, unusual ports, nothing beyond loopback."""

import os
import shutil
import socket
import subprocess
import tempfile
from pathlib import Path

from tests.support.bench import until
from tests.support.grid import free_port

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "squeue", "scancel")
_PATH = f"{os.environ['PATH']}:/usr/sbin"
_CONFIGURATION = """\
ClusterName=lgitest
CommunicationParameters=NoCtldInAddrAny,NoInAddrAny
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={ports[0]}
SlurmdPort={ports[1]}
AuthType=auth/munge
AuthInfo=socket={directory}/munge/socket
CredType=cred/munge
SlurmUser=root
SlurmdUser=root
StateSaveLocation={directory}/state
SlurmdSpoolDir={directory}/spool
SlurmctldPidFile={directory}/slurmctld.pid
SlurmdPidFile={directory}/slurmd.pid
SlurmctldLogFile={directory}/slurmctld.log
SlurmdLogFile={directory}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
ReturnToService=2
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SchedulerParameters=batch_sched_delay=0,sched_interval=1,sched_min_interval=0,bf_interval=1
SlurmdParameters=config_overrides
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
MinJobAge={memory}
KillWait=2
NodeName={host} NodeAddr=127.0.0.1 CPUs={processors} RealMemory=4000 State=UNKNOWN
PartitionName=normal Nodes={host} Default=YES MaxTime=INFINITE State=UP
{more}"""


def missing() -> str:
    """What this machine lacks, empty when nothing."""
    if os.geteuid() != 0:
        return "root, to start SLURM"
    lacking = [program for program in PROGRAMS if shutil.which(program, path=_PATH) is None]
    return f"SLURM ({', '.join(lacking)})" if lacking else ""


class Slurm:
    """The three daemons of SLURM and its configuration, with ``more`` lines at its end."""

    def __init__(self, processors: int = 2, more: str = "") -> None:
        # Not below pytest's own directory: munged wants one that others can enter.
        self.directory = Path(tempfile.mkdtemp(prefix="lgi-slurm-"))
        self.directory.chmod(0o755)
        for name in ("state", "spool", "munge"):
            (self.directory / name).mkdir(mode=0o755)
        self.configuration = self.directory / "slurm.conf"
        self.configuration.write_text(
            _CONFIGURATION.format(
                host=socket.gethostname().partition(".")[0],
                ports=(free_port(), free_port()),
                directory=self.directory,
                memory=300,
                processors=processors,
                more=more,
            )
        )
        self.processes: dict[str, subprocess.Popen[bytes]] = {}

    def start(self) -> None:
        """All daemons, and the node is idle when it returns."""
        key = self.directory / "munge" / "key"
        key.write_bytes(os.urandom(1024))
        key.chmod(0o400)
        munge = self.directory / "munge"
        self._run(
            "munged",
            *("--force", "--foreground", f"--key-file={key}", f"--socket={munge}/socket"),
            *(f"--pid-file={munge}/pid", f"--seed-file={munge}/seed", f"--log-file={munge}/log"),
        )
        until(lambda: (munge / "socket").exists())
        self.start_controller()
        self._run("slurmd", "-D", "-N", socket.gethostname().partition(".")[0])
        until(lambda: self.call("sinfo", "-h", "-o", "%T").strip() == "idle")

    def start_controller(self) -> None:
        """The daemon that knows the jobs."""
        self._run("slurmctld", "-D")

    def stop(self, name: str) -> None:
        """End one daemon."""
        process = self.processes.pop(name)
        process.terminate()
        process.wait(60)

    def call(self, *command: str) -> str:
        """What one of SLURM's commands says."""
        return subprocess.run(
            command, env=self.environment, capture_output=True, text=True, timeout=30, check=False
        ).stdout

    @property
    def environment(self) -> dict[str, str]:
        """What makes SLURM's commands speak to this cluster."""
        return {"PATH": _PATH, "SLURM_CONF": str(self.configuration)}

    @property
    def settings(self) -> str:
        """What an administrator would write into the script of an application."""
        return f"backend=slurm\nexport SLURM_CONF={self.configuration}\nstage=no\n"

    def remove(self) -> None:
        """End all daemons, their jobs first."""
        if "slurmctld" in self.processes:
            self.call("scancel", "--full", "--signal=KILL", "--state=RUNNING")
        for name in ("slurmd", "slurmctld", "munged"):
            if name in self.processes:
                self.stop(name)
        shutil.rmtree(self.directory, ignore_errors=True)

    def _run(self, *command: str) -> None:
        with (self.directory / f"{command[0]}.out").open("ab") as out:
            self.processes[command[0]] = subprocess.Popen(
                command, env=self.environment, stdout=out, stderr=out, start_new_session=True
            )
