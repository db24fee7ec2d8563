"""The errors of calls that jobs make."""


class JobError(Exception):
    """A job has ended without a result of its call; the text gives the reason.

    ``job_id`` is its number.
    """

    def __init__(self, job_id: int, reason: str) -> None:
        """Set the number of the job and the reason, as ``was aborted``."""
        super().__init__(f"job {job_id} {reason}")
        self.job_id, self.reason = job_id, reason

    def __reduce__(self) -> tuple[type, tuple[int, str]]:
        return type(self), (self.job_id, self.reason)


class RemoteTracebackError(Exception):
    """The cause of an exception that a function raised in a job: its text is the traceback there."""

    def __str__(self) -> str:
        return f"\n{self.args[0]}" if self.args else ""
