"""LGICluster: a cluster of Dask whose workers are jobs of a project."""

import copy
import tempfile
from pathlib import Path
from typing import Any

from dask_jobqueue.core import JobQueueCluster
from distributed.security import Security

from lgi_dask.defaults import set_defaults
from lgi_dask.whole_jobs import WholeJobs
from lgi_dask.worker_job import LGIJob
from lgi_tools import Project

set_defaults()


class LGICluster(JobQueueCluster):
    """A scheduler here, and workers that are jobs and connect to it.

    The arguments are those of the clusters of dask-jobqueue (``cores``, ``memory``, ``processes``,
    ``walltime``, ``python``, ``job_script_prologue``, ``n_workers``, ``scheduler_options`` ...) and
    ``project``, by default that of ``~/.LGI``; ``application``, ``targets``, ``specifics``, ``labels`` and
    ``files`` of the jobs. Connections are TLS, with a certificate made for this cluster, unless ``security``
    is another one, or False. Closing the cluster ends its jobs.
    """

    job_cls = LGIJob

    def __init__(
        self,
        *,
        project: Project | None = None,
        security: Security | bool = True,
        files: tuple[str | Path, ...] = (),
        **options: Any,
    ) -> None:
        """Start the scheduler, and ``n_workers`` workers if given."""
        self._keys = tempfile.TemporaryDirectory(prefix="lgi-dask-")
        self._files: list[str | Path] = list(files)
        super().__init__(
            project=project or Project(), security=security or None, files=self._files, **options
        )

    def _get_worker_security(self, security: Security | None) -> Security | None:
        """Return the security of workers, whose files are sent with their jobs."""
        if security is None:
            return None
        sent = copy.copy(security)
        for key, value in security.get_tls_config_for_role("worker").items():
            if key not in {"ca_file", "cert", "key"} or value is None:
                continue
            name = f"dask-tls-{key}.pem"
            file = Path(self._keys.name, name)
            file.touch(0o600)
            file.write_text(value if "\n" in value else Path(value).read_text())
            self._files.append(file)
            setattr(sent, f"tls_{'' if key == 'ca_file' else 'worker_'}{key}", name)
        return sent

    @property
    def workers_of_a_job(self) -> int:
        """The number of workers in each job."""
        return int(self._dummy_job.worker_processes)

    def adapt(self, **options: Any) -> Any:
        """Add and end jobs as there is work, with the arguments of the clusters of dask-jobqueue."""
        return super().adapt(**({"Adaptive": WholeJobs} | options))

    def close(self, timeout: float | None = None) -> Any:
        """End workers, their jobs and the scheduler."""
        try:
            return super().close(timeout)
        finally:
            if not self.asynchronous:
                self._keys.cleanup()
