"""WholeJobs: the adaptive scaling of a cluster whose jobs have several workers."""

from distributed.deploy import Adaptive


class WholeJobs(Adaptive):
    """Ask for the workers of whole jobs.

    Otherwise a job of two workers would be ended as soon as it is made when one worker is enough, and made
    again, without end.
    """

    async def target(self) -> int:
        """Return how many workers there should be."""
        workers: int = await super().target()
        of_a_job: int = self.cluster.workers_of_a_job
        return -(-workers // of_a_job) * of_a_job
