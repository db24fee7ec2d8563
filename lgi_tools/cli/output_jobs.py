"""Jobs as JSON where no answer of a server is at hand; the keys are those of `output_json.job`."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    # Slow to load: only its fields are read.
    from lgi_tools.client.hold import Hold
    from lgi_tools.client.job import Job


def of_job(job: "Job") -> dict[str, Any]:
    """Return a job as JSON; what is not known, or not yet, has no key."""
    times = {"submitted": job.submitted_at, "started": job.started_at, "ended": job.ended_at}
    times |= {"kept_until": job.kept_until, "deadline": job.deadline, "fetched": job.fetched_at}
    values = {
        "job_id": job.id,
        "state": job.state,
        "application": job.application,
        "target_resources": list(job.targets),
        "owners": list(job.owners),
        "read_access": list(job.read_access),
        "write_access": list(job.write_access),
        "state_time_stamp": int(job.changed.timestamp()),
        "exit_code": job.exit_code,
        "exit_signal": job.exit_signal,
        "end_reason": job.end_reason or None,
        **vars(job.usage),
        "holds": of_holds(job.holds) or None,
        "tried": job.tried if job.retries else None,
        "retries": job.retries or None,
        "priority": job.priority or None,
        "urgent": job.urgent or None,
        "fetched_by": job.fetched_by or None,
        "job_name": job.name or None,
        "labels": dict(job.labels) or None,
        **{name: int(time.timestamp()) if time else None for name, time in times.items()},
    }
    return {name: value for name, value in values.items() if value is not None}


def of_holds(holds: "Sequence[Hold]") -> list[dict[str, Any]]:
    """Return holds as JSON; ``until`` is left out for one without an end."""
    found = []
    for one in holds:
        values = {"reason": one.reason, "since": int(one.since.timestamp()), "held_by": one.held_by}
        values |= {"text": one.text}
        found.append(values | ({"until": int(one.until.timestamp())} if one.until else {}))
    return found
