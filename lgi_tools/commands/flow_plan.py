"""The submits of a flow's jobs, all of them made before the first one is sent."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import click

from lgi_protocol import array_elements
from lgi_protocol.value_object import value_object
from lgi_tools.client.job_request import JobRequest
from lgi_tools.commands import run_array, run_options
from lgi_tools.commands.flow_file import FlowJob

# The index of the only submit of a job that is no array.
ALONE = 0


@value_object
class FlowPlan:
    """A job of a flow and its submits by index, which lack only the numbers of the jobs that they follow."""

    job: FlowJob
    requests: Mapping[int, JobRequest]

    @property
    def is_array(self) -> bool:
        """Whether the job is an array."""
        return bool(self.job.dimensions)


def plans(jobs: Sequence[FlowJob]) -> list[FlowPlan]:
    """Return the plans of jobs, each behind those that it follows. Raises ValueError, OSError for a file."""
    made: dict[str, FlowPlan] = {}
    for job in jobs:
        made[job.key] = _plan(job)
        for name in (*job.after_each, *job.after_any_each):
            if lacking := made[job.key].requests.keys() - made[name].requests.keys():
                raise ValueError(
                    f"element {min(lacking)} of job {job.key} is to follow that of {name}, which has none"
                )
    return list(made.values())


def _plan(job: FlowJob) -> FlowPlan:
    try:
        if job.dimensions:
            dimensions = [run_array.values(name, text) for name, text in job.dimensions]
            array_elements.size_of(dimensions)
            found = run_array.plans(job.words, dict(job.options), dimensions)
            requests = {index: plan.request for index, plan in found.items()}
        else:
            requests = {ALONE: run_options.plan(job.words, dict(job.options)).request}
        follows = (0,) * bool(job.after or job.after_each)
        for request in requests.values():
            # The jobs that it follows have no numbers yet.
            replace(request, plan=replace(request.plan, after=follows)).fields()
    except click.UsageError as error:
        raise ValueError(f"job {job.key}: {error.format_message()}") from None
    except ValueError as error:
        raise ValueError(f"job {job.key}: {error}") from None
    return FlowPlan(job, requests)
