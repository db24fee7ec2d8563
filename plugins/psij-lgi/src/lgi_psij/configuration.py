"""The configuration of the executor."""

from psij.job_executor_config import JobExecutorConfig

from lgi_tools import Project


class LGIExecutorConfig(JobExecutorConfig):
    """Which project runs the jobs, and how it is asked after them.

    Without a ``project`` it is that of ``~/.LGI``. The server is asked every ``polling_interval`` seconds;
    jobs become FAILED when it has not told anything about them for ``outage_limit`` seconds.
    """

    def __init__(
        self,
        project: Project | None = None,
        *,
        application: str = "command",
        polling_interval: float = 2.0,
        outage_limit: float = 600.0,
    ) -> None:
        """Raise ValueError for an interval that is not above 0."""
        super().__init__()
        if polling_interval <= 0:
            raise ValueError(f"polling_interval is {polling_interval}: give seconds above 0")
        self.project = project
        self.application = application
        self.polling_interval = polling_interval
        self.outage_limit = outage_limit
