"""SGE on one host, which it finds only when its name resolves both ways: so it has a host name of its own.

That name, its /etc/hosts and its loopback are those of namespaces, in which all of SGE's commands run.
"""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from tests.support.bench import until

PROGRAMS = ("sge_qmaster", "sge_execd", "qconf", "unshare", "nsenter", "ip")
LIBRARY = Path("/usr/lib/gridengine")
SHARED = Path("/usr/share/gridengine")
HOST = "sgehost"
PATH = f"{os.environ['PATH']}:/usr/sbin:{LIBRARY}:/var/lib/gridengine/bin"
_OWN_NAMES = """
mount --bind "$1/hosts" /etc/hosts && hostname {host} && ip link set lo up && : > "$1/ready" || exit
exec sleep 3600
"""
_BOOTSTRAP = """\
admin_user root
default_domain none
ignore_fqdn true
spooling_method berkeleydb
spooling_lib libspoolb
spooling_params {directory}/spool/database
binary_path /usr/sbin
qmaster_spool_dir {directory}/spool/qmaster
security_mode none
listener_threads 2
worker_threads 2
scheduler_threads 1
"""
# What the queue needs to be told; qconf has a default for everything else.
_QUEUE = {
    "qname": "all.q",
    "hostlist": HOST,
    "slots": "2",
    "shell": "/bin/sh",
    "pe_list": "smp",
    # A busy machine still tests.
    "load_thresholds": "NONE",
}
_PARALLEL = {"pe_name": "smp", "slots": "8", "allocation_rule": "$pe_slots"}


def missing() -> str:
    """What this machine lacks, empty when nothing."""
    if os.geteuid() != 0:
        return "root, to start SGE"
    lacking = [program for program in PROGRAMS if shutil.which(program, path=PATH) is None]
    return f"SGE ({', '.join(lacking)})" if lacking else ""


class Sge:
    """A queue master and an execution daemon."""

    def __init__(self) -> None:
        self.directory = Path(tempfile.mkdtemp(prefix="lgi-sge-", dir="/var/tmp"))
        self.directory.chmod(0o755)
        self.common = self.directory / "root" / "default" / "common"
        for path in (
            self.common,
            *(self.directory / "spool" / name for name in ("qmaster/job_scripts", "execd")),
        ):
            path.mkdir(parents=True)
        (self.directory / "spool" / "database").mkdir()
        for name in ("bin", "lib", "utilbin", "util"):
            (self.directory / "root" / name).symlink_to((Path("/var/lib/gridengine") / name).resolve())
        self.processes: list[subprocess.Popen[bytes]] = []

    @property
    def variables(self) -> dict[str, str]:
        """The variables by which SGE's commands find the cluster."""
        return {
            "SGE_ROOT": str(self.directory / "root"),
            "SGE_CELL": "default",
            "SGE_QMASTER_PORT": "16444",
            "SGE_EXECD_PORT": "16445",
        }

    @property
    def settings(self) -> str:
        """What an administrator would write into the script of an application."""
        exports = " ".join(f"{name}='{value}'" for name, value in self.variables.items())
        return f"backend=sge\nexport {exports}\nPATH=$PATH:{PATH}\nstage=no\n"

    @property
    def inside(self) -> list[str]:
        """The words that run a command where the cluster's name is known."""
        return ["nsenter", "-t", str(self.processes[0].pid), "-m", "-u", "-n", "--"]

    def call(self, *command: object, check: bool = True) -> str:
        """What a command says."""
        words = [*self.inside, *map(str, command)]
        environment = {"PATH": PATH, **self.variables}
        done = subprocess.run(words, env=environment, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0 or not check, f"{command}: {done.stdout}{done.stderr}"
        return done.stdout

    def start(self) -> None:
        """Both daemons, with one queue."""
        (self.directory / "hosts").write_text(f"127.0.0.1 {HOST} localhost\n")
        names = ["sh", "-c", _OWN_NAMES.format(host=HOST), "sh", str(self.directory)]
        self._run(["unshare", "-m", "-u", "-n", "--propagation", "private", *names])
        until((self.directory / "ready").exists)
        self._spool()
        self._run([*self.inside, "sge_qmaster"])
        until(lambda: self.call("qconf", "-sh", check=False) != "")
        self._run([*self.inside, "sge_execd"])
        self._make_queue()
        until(lambda: "au" not in self._queue_state())

    def _spool(self) -> None:
        """The data a queue master begins with."""
        (self.common / "bootstrap").write_text(_BOOTSTRAP.format(directory=self.directory))
        (self.common / "act_qmaster").write_text(HOST)
        (self.common / "cluster_name").write_text("lgitest")
        folder = self.directory / "global"
        folder.mkdir()
        wanted = {
            "execd_spool_dir": str(self.directory / "spool" / "execd"),
            "load_report_time": "00:00:02",
            "min_uid": "0",
            "min_gid": "0",
        }
        text = changed((SHARED / "default-configuration").read_text(), wanted)
        (folder / "global").write_text(text)
        database = self.directory / "spool" / "database"
        self.call(LIBRARY / "spoolinit", "berkeleydb", "libspoolb", database, "init")
        resources = SHARED / "util" / "resources"
        self.call(LIBRARY / "spooldefaults", "configuration", folder / "global")
        self.call(LIBRARY / "spooldefaults", "complexes", resources / "centry")
        self.call(LIBRARY / "spooldefaults", "usersets", resources / "usersets")
        self.call(LIBRARY / "spooldefaults", "managers", "root")

    def _make_queue(self) -> None:
        self.call("qconf", "-ah", HOST, check=False)
        self.call("qconf", "-as", HOST, check=False)
        quick = {"schedule_interval": "0:0:1", "flush_submit_sec": "1", "flush_finish_sec": "1"}
        self.call("qconf", "-Msconf", self._file("scheduler", changed(self.call("qconf", "-ssconf"), quick)))
        parallel = changed(self._template("-ap", "smp"), _PARALLEL)
        self.call("qconf", "-Ap", self._file("parallel", parallel))
        self.call("qconf", "-Aq", self._file("queue", changed(self._template("-aq", "all.q"), _QUEUE)))

    def _template(self, option: str, name: str) -> str:
        """What qconf would open an editor with: the defaults of a new thing."""
        editor = self._file("editor", f'#!/bin/sh\ncat "$1" > "{self.directory}/template"\nexit 1\n')
        editor.chmod(0o755)
        self.call("env", f"EDITOR={editor}", "qconf", option, name, check=False)
        return (self.directory / "template").read_text()

    def _queue_state(self) -> str:
        lines = [line for line in self.call("qstat", "-f", check=False).splitlines() if "all.q@" in line]
        return lines[0] if lines else "au"

    def _file(self, name: str, text: str) -> Path:
        path = self.directory / name
        path.write_text(text)
        return path

    def _run(self, command: list[str]) -> None:
        # SGE_ND: it stays in the foreground.
        environment = {"PATH": PATH, "SGE_ND": "1", **self.variables}
        with (self.directory / "daemons.out").open("ab") as out:
            self.processes.append(subprocess.Popen(command, env=environment, stdout=out, stderr=out))

    def remove(self) -> None:
        """End all of it, jobs first."""
        if len(self.processes) > 1:
            self.call("qdel", "-u", "*", check=False)
        for process in reversed(self.processes):
            process.terminate()
            try:
                process.wait(60)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        shutil.rmtree(self.directory, ignore_errors=True)


def changed(text: str, wanted: dict[str, str]) -> str:
    """A table of SGE, a name and a value a line, with other values."""
    lines = [line for line in text.splitlines() if line.split(None, 1)[:1] and line.split()[0] not in wanted]
    return "\n".join([*lines, *(f"{name} {value}" for name, value in wanted.items())]) + "\n"
