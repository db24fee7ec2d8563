"""The request that makes an LGI job of a job of PSI/J."""

from collections.abc import Mapping
from typing import Any

from psij import InvalidJobException, Job, JobAttributes, JobSpec, ResourceSpecV1

from lgi_psij.job_script import job_script
from lgi_tools import JobRequest

_MEGABYTE = 1024**2
_LONGEST_NAME = 100
_PREFIX = "lgi."
# Custom attributes, and the types of their values.
_CUSTOM: dict[str, tuple[type, ...]] = {
    "files": (list, tuple),
    "targets": (list, tuple),
    "labels": (dict,),
    "specifics": (dict,),
}


def job_request(job: Job, application: str) -> JobRequest:
    """Return the request of a job; submitted twice it makes one LGI job.

    Raises InvalidJobException for a specification that LGI cannot follow.
    """
    spec: JobSpec | None = job.spec
    if spec is None:
        raise InvalidJobException("Missing specification")
    attributes = spec.attributes or JobAttributes()
    custom = _custom_attributes(attributes)
    for what in ("reservation_id", "account"):
        if getattr(attributes, what):
            raise InvalidJobException(f"LGI has no {what}: leave it out")
    queue = [attributes.queue_name] if attributes.queue_name else None
    return JobRequest(
        application,
        input=job_script(spec),
        files=tuple(custom.get("files", ())),
        targets=tuple(custom.get("targets") or queue or ("any",)),
        specifics={**_resources(spec), **_walltime(attributes), **custom.get("specifics", {})},
        labels={"psij": job.id, **custom.get("labels", {})},
        name=_name(spec.name or ""),
        request_id=f"psij-{job.id}",
    )


def _resources(spec: JobSpec) -> dict[str, str | int]:
    resources = spec.resources
    if resources is None:
        return {}
    if not isinstance(resources, ResourceSpecV1):
        raise InvalidJobException(f"resources of version {resources.version} are not known, only those of 1")
    if resources.computed_node_count != 1:
        raise InvalidJobException(f"a job of LGI has one node, not {resources.computed_node_count}")
    if resources.exclusive_node_use:
        raise InvalidJobException("LGI has no exclusive nodes: leave exclusive_node_use out")
    count = resources.computed_process_count
    asked = {
        "cpus": count * (resources.cpu_cores_per_process or 1),
        "gpus": count * (resources.gpu_cores_per_process or 0),
        "memory": -(-(resources.memory or 0) // _MEGABYTE),
    }
    return {name: number for name, number in asked.items() if number}


def _walltime(attributes: JobAttributes) -> dict[str, str | int]:
    seconds = int(attributes.duration.total_seconds())
    if seconds <= 0:
        raise InvalidJobException(f"the duration of the job is {attributes.duration}: give a longer one")
    return {"walltime": seconds}


def _custom_attributes(attributes: JobAttributes) -> Mapping[str, Any]:
    """Return the attributes ``lgi.NAME`` by name; those of other executors are not for us."""
    found = {}
    for key, value in (attributes.custom_attributes or {}).items():
        name = key.removeprefix(_PREFIX)
        if name == key:
            continue
        if name not in _CUSTOM:
            raise InvalidJobException(
                f"{key} is unknown: there are {', '.join(_PREFIX + one for one in _CUSTOM)}"
            )
        if not isinstance(value, _CUSTOM[name]):
            raise InvalidJobException(f"{key} is {value!r}: give a {_CUSTOM[name][0].__name__}")
        found[name] = value
    return found


def _name(text: str) -> str:
    printable = "".join(char if char.isprintable() else "?" for char in text)
    return printable.encode("utf-8", "replace")[:_LONGEST_NAME].decode("utf-8", "ignore")
