"""A job that Snakemake has ready: its command, its output, and the request to LGI that it becomes."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from snakemake_interface_executor_plugins.jobs import JobExecutorInterface

from lgi_tools import JobRequest
from lgi_tools.client.job_plan import JobPlan
from snakemake_executor_plugin_lgi import labels
from snakemake_executor_plugin_lgi.job_command import JobCommand
from snakemake_executor_plugin_lgi.rule_requests import specifics_of, targets_of
from snakemake_executor_plugin_lgi.settings import ExecutorSettings


@dataclass(frozen=True, eq=False)
class NewJob:
    """A job of Snakemake with its command; ``noted`` are LGI's ids of it in earlier runs."""

    job: JobExecutorInterface
    command: JobCommand
    noted: Sequence[str]
    # A call that is repeated makes no second job.
    request_id: str = field(default_factory=lambda: f"snakemake-{uuid.uuid4().hex}")

    @property
    def output(self) -> str:
        """The digest of the files that it makes, or of what it is if it makes none."""
        made = sorted(map(str, self.job.output))
        return labels.digest_of(made or [self.job.name, str(self.job.get_target_spec())])

    def request(
        self,
        workflow: str,
        options: ExecutorSettings,
        variables: Mapping[str, str],
        *,
        is_shared: bool,
        after: Sequence[int],
    ) -> JobRequest:
        """Return the request of the job, which starts when those ``after`` which it comes have ended.

        Raises WorkflowError, OSError.
        """
        requests = specifics_of(self.job.threads, self.job.resources)
        if is_shared:
            data, place = self.command.here(variables)
            requests = f"{requests} {place}"
        else:
            data = self.command.elsewhere(variables)
        rule = labels.printable(self.job.name)
        keys = {labels.WORKFLOW: workflow, labels.COMMAND: self.command.digest, labels.OUTPUT: self.output}
        return JobRequest(
            options.application,
            input=data,
            targets=targets_of(self.job.resources, options.targets),
            specifics=requests,
            request_id=self.request_id,
            name=labels.printable(f"snakemake {rule}"),
            labels={**keys, labels.RULE: rule},
            plan=JobPlan(after_any=tuple(after)),
        )
