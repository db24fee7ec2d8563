"""The arguments of the Snakemake that runs one job.

They are those of `RemoteExecutor.get_job_args`, but for two things. Names of files come from data: a quote in
one would end the word there, so here each word is quoted for a shell. And a job there waits for the temporary
directory of this run, which it may outlive.
"""

import shlex
from collections.abc import Iterable

from snakemake_interface_executor_plugins.jobs import JobExecutorInterface
from snakemake_interface_executor_plugins.utils import encode_target_jobs_cli_args


def of(job: JobExecutorInterface, *, cores: str, unneeded: Iterable[str], waits: Iterable[str]) -> str:
    """Return the arguments of a job, quoted for a shell.

    ``unneeded`` are temporary files that it may remove, ``waits`` files that must be there before it begins.
    """
    lists = {
        "--target-jobs": encode_target_jobs_cli_args(job.get_target_spec()),
        # So that no other rules are looked at.
        "--allowed-rules": job.rules,
        "--local-groupid": [job.jobid] if job.is_group() else [],
        "--cores": [cores],
        "--attempt": [job.attempt],
        "--unneeded-temp-files": unneeded,
        "--wait-for-files": waits,
    }
    words = [] if job.is_group() else ["--force-use-threads"]
    for option, values in lists.items():
        # In the same order in each run.
        if texts := sorted(str(value) for value in values):
            words += [option, *texts]
    return shlex.join(words)
