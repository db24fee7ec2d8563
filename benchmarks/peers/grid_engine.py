"""Grid Engine: a queue master and an execution daemon, its jobs submitted by `qsub`."""

from collections.abc import Mapping, Sequence

from benchmarks.peers.batch_system import BatchSystem
from benchmarks.peers.system import JOB, first_line, until
from tests.backends import sge


class GridEngine(BatchSystem):
    """One queue on one host, which has a name of its own in a namespace."""

    cluster: sge.Sge

    @staticmethod
    def missing() -> str:
        """Return what Grid Engine lacks; it needs root."""
        return sge.missing()

    @staticmethod
    def version() -> str:
        """Return the version of Debian's package."""
        return f"Grid Engine {first_line('dpkg-query', '-W', '-f', '${Version}', 'gridengine-master')}"

    def start(self, slots: int) -> None:
        """Start both daemons and set the number of slots."""
        self.cluster = sge.Sge()
        self.cluster.start()
        self.cluster.call("qconf", "-mattr", "queue", "slots", slots, "all.q")
        until(lambda: f"/{slots} " in self.cluster.call("qstat", "-f"))

    def environment(self) -> Mapping[str, str]:
        """Return the variables by which commands find the cluster."""
        return {"PATH": sge.PATH, **self.cluster.variables}

    def _qsub(self, *words: str) -> Sequence[str]:
        return [*self.cluster.inside, "qsub", "-terse", "-S", "/bin/sh", "-j", "y", *words]

    def submit(self) -> None:
        """Start `qsub` for one job."""
        self.run(self._qsub("-o", f"{self.outputs.directory}/$JOB_ID"), JOB)
        self.submitted += 1

    def submit_many(self, jobs: int) -> None:
        """Start `qsub` for an array of jobs."""
        self.run(self._qsub("-t", f"1-{jobs}", "-o", f"{self.outputs.directory}/$JOB_ID.$TASK_ID"), JOB)
        self.submitted += jobs

    def queue(self) -> str:
        """Return the jobs that the controller knows and that have not ended."""
        return self.run([*self.cluster.inside, "qstat", "-u", "*"])

    def once(self) -> None:
        """Submit, and ask until the job is not in the queue any more."""
        self.run(self._qsub("-o", "/dev/null"), "true")
        until(lambda: not self.queue())

    def run_command(self) -> Sequence[str]:
        """Return the command that waits for the end."""
        return self._qsub("-o", "/dev/null", "-sync", "y", "-b", "y", "true")

    def submit_command(self) -> Sequence[str]:
        """Return the command for a job."""
        return self._qsub("-o", "/dev/null", "-b", "y", "echo", "hello")

    def hold(self, jobs: int) -> None:
        """Queue an array that is held."""
        self.run(self._qsub("-h", "-o", "/dev/null", "-t", f"1-{jobs}"), JOB)

    def list_command(self) -> Sequence[str]:
        """Return the command with a line for each job of an array."""
        return [*self.cluster.inside, "qstat", "-u", "*", "-g", "d"]
