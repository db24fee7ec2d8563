"""Submits of the jobs of a flow that are not there yet, each behind those that it follows."""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import click

from lgi_protocol import job_references
from lgi_protocol.errors import ErrorNumber, ServerError
from lgi_tools.client import command_line
from lgi_tools.client.job import Job
from lgi_tools.client.job_request import JobRequest, Submission
from lgi_tools.client.project import Project
from lgi_tools.commands.flow_plan import ALONE, FlowPlan
from lgi_tools.commands.flow_state import FlowState

# Elements of an array for which the server is asked first whether it would take so many.
_LARGE = 100


class FlowSubmit:
    """The submit of the jobs that a state lacks, or that have failed since."""

    def __init__(self, project: Project, state: FlowState, plans: Sequence[FlowPlan]) -> None:
        """Ask for the jobs of the state, and forget those in it that have failed, or are deleted."""
        self._project = project
        self._state = state
        self._plans = plans
        # The numbers of each job's elements by their indexes.
        self._numbers: dict[str, dict[int, int]] = {}
        for plan in plans:
            good = self._good_elements(plan) if plan.is_array else self._good_job(plan)
            self._numbers[plan.job.key] = {index: number for index, number in good if index in plan.requests}

    def run(self) -> Iterator[dict[str, Any]]:
        """Submit what is missing and yield each job with its number, an array as it was submitted.

        The state is stored after each. Raises ClickException for an array that is refused, ServerError.
        """
        for plan in self._plans:
            left = len(plan.requests) - len(self._numbers[plan.job.key])
            if plan.is_array and left > _LARGE:
                self._project.check_array(command_line.APPLICATION, left)
        self._state.write()
        for plan in self._plans:
            if len(self._numbers[plan.job.key]) < len(plan.requests):
                yield self._array(plan) if plan.is_array else self._job(plan)

    def _good_job(self, plan: FlowPlan) -> Iterator[tuple[int, int]]:
        key = plan.job.key
        job_id = self._state.jobs.get(key)
        if job_id is None:
            return
        try:
            is_good = _is_good(self._project.job(job_id))
        except ServerError as error:
            if error.number != ErrorNumber.NO_JOB:
                raise
            is_good = False
        if is_good:
            yield ALONE, job_id
        else:
            self._state.forget(key)

    def _good_elements(self, plan: FlowPlan) -> Iterator[tuple[int, int]]:
        for array_id in self._state.arrays.get(plan.job.key, ()):
            for job in self._project.jobs(array=array_id):
                if job.array_index is not None and _is_good(job):
                    yield job.array_index, job.id

    def _job(self, plan: FlowPlan) -> dict[str, Any]:
        key = plan.job.key
        (request,) = self._requests(plan, [ALONE]).values()
        request = replace(request, request_id=self._state.request_id(key))
        job_id = self._project.submit_request(request).id
        self._state.jobs[key] = self._numbers[key][ALONE] = job_id
        self._state.write()
        return {"name": key, "job_id": job_id}

    def _array(self, plan: FlowPlan) -> dict[str, Any]:
        key, numbers = plan.job.key, self._numbers[plan.job.key]
        requests = self._requests(plan, [index for index in plan.requests if index not in numbers])
        done: list[Submission] = []

        def report(one: Submission) -> None:
            done.append(one)
            if self._state.add_array(key, one.array_id):
                self._state.write()

        request_id = self._state.array_request_id(key, _digest(requests))
        try:
            self._project.submit_array(
                requests, at_most=plan.job.at_most, request_id=request_id, report=report
            )
        except ServerError as error:
            queued = f"{len(done)} of {len(requests)} elements are submitted, --resume submits the others"
            raise click.ClickException(f"job {key}: {error}; {queued}") from error
        for index, one in zip(requests, done, strict=True):
            if one.error:
                why = f"{one.error}; --resume submits it again"
                raise click.ClickException(f"job {key}: element {index}: {why}") from one.error
            numbers[index] = one.job_id
        return {"name": key, "array_id": done[0].array_id, "job_ids": [one.job_id for one in done]}

    def _requests(self, plan: FlowPlan, indexes: Iterable[int]) -> dict[int, JobRequest]:
        """Return the submits of a job with the numbers of the jobs that each of them follows."""
        job = plan.job
        after, after_any = self._every(job.after), self._every(job.after_any)
        found = {}
        for index in indexes:
            one = plan.requests[index]
            follows = replace(
                one.plan,
                after=(*after, *self._like(job.after_each, index)),
                after_any=(*after_any, *self._like(job.after_any_each, index)),
            )
            found[index] = replace(one, plan=follows)
        return found

    def _every(self, names: Iterable[str]) -> tuple[int | str, ...]:
        """Return the numbers of all elements of these jobs, next ones as ranges."""
        found = [number for name in names for number in self._numbers[name].values()]
        return tuple(job_references.split(job_references.write(set(found))))

    def _like(self, names: Iterable[str], index: int) -> tuple[int, ...]:
        return tuple(self._numbers[name][index] for name in names)


def _is_good(job: Job) -> bool:
    """Return whether a job has succeeded, or may still do so."""
    return not job.ended or job.end.outcome != "failed"


def _digest(requests: Mapping[int, JobRequest]) -> str:
    """Return what differs between submits of different elements: a server refuses these as one submit."""
    contents = [[index, request.fields(), *map(str, request.paths())] for index, request in requests.items()]
    return hashlib.sha256(json.dumps(contents).encode()).hexdigest()[:16]
