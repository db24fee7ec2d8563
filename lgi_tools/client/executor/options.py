"""The options of `Project.executor`, which all of its jobs have in common."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Unpack

from lgi_protocol import comma_lists
from lgi_tools.client.job_plan import PlanArguments, plan_of
from lgi_tools.client.job_request import JobRequest


class ExecutorOptions(PlanArguments, total=False):
    """The arguments of `Project.submit` for all jobs, without those of one job; ``python`` and ``keep``.

    There is no ``write_access``: who can write the files of a job could replace its result.
    """

    files: Iterable[str | Path]
    targets: Iterable[str]
    specifics: str | Mapping[str, str | int]
    read_access: Iterable[str]
    name: str
    labels: Mapping[str, str] | None
    python: str
    keep: bool


_OWN = ExecutorOptions.__annotations__.keys() - PlanArguments.__annotations__.keys()


def template_of(application: str, **options: Unpack[ExecutorOptions]) -> JobRequest:
    """Return the request that the jobs are like. Raises TypeError for an unknown option."""
    plan: Any = {name: value for name, value in options.items() if name not in _OWN}
    return JobRequest(
        application,
        files=tuple(options.get("files", ())),
        targets=tuple(options.get("targets", (comma_lists.ANY,))),
        specifics=options.get("specifics", ""),
        read_access=tuple(options.get("read_access", ())),
        name=options.get("name", ""),
        labels=options.get("labels") or {},
        plan=plan_of(**plan),
    )
