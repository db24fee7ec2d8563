"""What LGI_resource shows of a resource, as lines and for JSON."""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import Any

from lgi_protocol import capabilities
from lgi_protocol.capabilities import UNITS, ApplicationCapabilities
from lgi_protocol.time_span import span
from lgi_protocol.value_object import value_object
from lgi_tools.cli import output_jobs, terminal
from lgi_tools.client.job import Job
from lgi_tools.client.resource import Resource

# Seconds without a call after which a resource is silent, as on its page; jobs of each kind that are named.
SILENT_SECONDS, NAMED = 900, 10
_WIDTH = 14


@value_object
class ResourceView:
    """A resource at ``now`` (Unix seconds), jobs of the user that run there, and those that have failed."""

    resource: Resource
    running: Sequence[Job]
    failed: Sequence[Job]
    now: int

    @property
    def state(self) -> str:
        """``silent``, ``drained`` or ``active``."""
        if self.now - self.resource.last_call.timestamp() > SILENT_SECONDS:
            return "silent"
        return "active" if self.resource.drained_since is None else "drained"

    @property
    def offers(self) -> dict[str, ApplicationCapabilities]:
        """What it says of each application."""
        one = self.resource
        return {name: capabilities.read_capabilities(one.capabilities, name) for name in one.applications}

    def lines(self) -> Iterator[str]:
        """Yield the lines for people; text of others has no control characters."""
        one = self.resource
        yield _line("Resource", one.name)
        yield _line("State", self._state_text())
        yield _line("Last call", f"{span(self.now - int(one.last_call.timestamp()))} ago")
        if one.machine:
            for name, text in one.machine.lines(self.now).items():
                yield _line(name[0].upper() + name[1:], text)
        for name, offered in self.offers.items():
            yield _line("Application", ", ".join((name, *_limits(offered))))
        yield from self._jobs("Yours running", self.running, lambda job: f"for {self._since(job.changed)}")
        yield from self._jobs("Failures (day)", self.failed, self._failure)

    def _failure(self, job: Job) -> str:
        return f"{job.end.text}, {self._since(job.changed)} ago"

    def _since(self, when: datetime) -> str:
        return span(self.now - int(when.timestamp()))

    def _state_text(self) -> str:
        one = self.resource
        if one.drained_since is None:
            return {"silent": "silent, it may be down"}.get(self.state, self.state)
        reason = f": {one.drain_reason}" if one.drain_reason else ""
        silent = "silent, " if self.state == "silent" else ""
        return f"{silent}drained for {self._since(one.drained_since)}, it gets no new jobs{reason}"

    def _jobs(self, title: str, jobs: Sequence[Job], how: Callable[[Job], str]) -> Iterator[str]:
        yield _line(title, str(len(jobs)))
        for job in jobs[-NAMED:]:
            name = f" ({job.name})" if job.name else ""
            yield f"  {terminal.value(f'job {job.id}{name}, {job.application}: {how(job)}')}"

    def values(self) -> dict[str, Any]:
        """Return it for JSON; what is not known is null."""
        one = self.resource
        machine = None if one.machine is None else dict(vars(one.machine))
        return {
            "resource_name": one.name,
            "state": self.state,
            "last_call_time": int(one.last_call.timestamp()),
            "drained_since": None if one.drained_since is None else int(one.drained_since.timestamp()),
            "drain_reason": one.drain_reason,
            "machine": machine,
            "applications": {
                name: {
                    "images": list(offered.images),
                    "maximum": dict(offered.maximum),
                    "unavailable": offered.unavailable,
                }
                for name, offered in self.offers.items()
            },
            "running": [output_jobs.of_job(job) for job in self.running],
            "failed": [output_jobs.of_job(job) for job in self.failed],
        }


def _line(name: str, text: str) -> str:
    return f"{name:{_WIDTH}} : {terminal.value(text)}"


def _limits(offered: ApplicationCapabilities) -> Iterator[str]:
    """Yield what it says of an application: that it takes none now, the most a job may have, its images."""
    if offered.unavailable:
        yield f"takes no jobs now: {offered.unavailable}"
    for name, number in offered.maximum.items():
        yield f"at most {number} {UNITS[name]}"
    if offered.images:
        more = "" if offered.is_complete else " and others"
        yield f"images {', '.join(offered.images[:NAMED])}{more}"
