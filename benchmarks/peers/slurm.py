"""Slurm: one node with as many processors as there are slots, its jobs submitted by `sbatch`."""

from collections.abc import Mapping, Sequence

from benchmarks.peers.batch_system import BatchSystem
from benchmarks.peers.system import JOB, first_line, until
from tests.applications import slurm

# A list of 10,000 jobs needs more than the default.
MORE = "MaxJobCount=50000\nMaxArraySize=50001\n"


class Slurm(BatchSystem):
    """Three daemons of root."""

    cluster: slurm.Slurm

    @staticmethod
    def missing() -> str:
        """Return what Slurm lacks; it needs root."""
        return slurm.missing()

    @staticmethod
    def version() -> str:
        """Return the version of the controller."""
        return first_line("slurmctld", "-V")

    def start(self, slots: int) -> None:
        """Start the daemons; the node is idle then."""
        self.cluster = slurm.Slurm(slots, MORE)
        self.cluster.start()

    def environment(self) -> Mapping[str, str]:
        """Return the variables with the place of the configuration."""
        return self.cluster.environment

    def submit(self) -> None:
        """Start `sbatch` for one job."""
        self.run(["sbatch", "-Q", "-o", f"{self.outputs.directory}/%j", "--wrap", JOB])
        self.submitted += 1

    def submit_many(self, jobs: int) -> None:
        """Start `sbatch` for an array of jobs."""
        name = f"{self.outputs.directory}/%A.%a"
        self.run(["sbatch", "-Q", "-o", name, f"--array=1-{jobs}", "--wrap", JOB])
        self.submitted += jobs

    def queue(self) -> str:
        """Return the jobs that the controller knows and that have not ended."""
        return self.run(["squeue", "-h"])

    def once(self) -> None:
        """Submit, and ask until the job is not in the queue any more."""
        number = self.run(["sbatch", "--parsable", "-o", "/dev/null", "--wrap", "true"]).strip()
        until(lambda: not self.run(["squeue", "-h", "-j", number, "-t", "PD,R,CG"]))

    def run_command(self) -> Sequence[str]:
        """Return the command that runs without a queue when a slot is free."""
        return ["srun", "-Q", "true"]

    def submit_command(self) -> Sequence[str]:
        """Return the command for a job."""
        return ["sbatch", "-Q", "-o", "/dev/null", "--wrap", JOB]

    def hold(self, jobs: int) -> None:
        """Queue an array that is held."""
        self.run(["sbatch", "-Q", "--hold", "-o", "/dev/null", f"--array=1-{jobs}", "--wrap", JOB])

    def list_command(self) -> Sequence[str]:
        """Return the command with a line for each job of an array."""
        return ["squeue", "-r", "-h"]
