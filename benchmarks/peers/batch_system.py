"""What Slurm and Grid Engine have in common: a cluster of root, and an output file for each job."""

from abc import abstractmethod
from typing import Protocol

from benchmarks.peers.system import OutputFiles, System, until


class Cluster(Protocol):
    """The daemons of a batch system."""

    def remove(self) -> None:
        """End them."""


class BatchSystem(System):
    """A batch system; ``cluster`` is there from `start` on."""

    cluster: Cluster | None = None

    def __init__(self) -> None:
        super().__init__()
        self.outputs = OutputFiles(self.directory / "outputs")
        self.submitted = 0

    @abstractmethod
    def queue(self) -> str:
        """Return what the system prints about jobs that have not ended; empty when all have."""

    def wait(self) -> None:
        """Wait for the outputs, and then for the daemons."""
        until(lambda: self.outputs.count() == self.submitted)
        until(lambda: not self.queue())

    def stop(self) -> None:
        """End the daemons."""
        if self.cluster is not None:
            self.cluster.remove()
        super().stop()
