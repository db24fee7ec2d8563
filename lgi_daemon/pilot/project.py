"""Another project of LGI as the batch system of pilots: they are jobs of its application for commands."""

import json
import re
import sysconfig
from collections.abc import Sequence

from lgi_daemon.pilot.batch_system import BatchJob, BatchState, BatchSystem, PilotScript
from lgi_protocol.states import State

# By which pilots are found among the jobs of the user.
_LABEL = "lgi_pilot=yes"
_WAITING = (State.QUEUED, "held")
_ENDED = (State.FINISHED, State.ABORTED)


def _program(name: str) -> str:
    return f"{sysconfig.get_path('scripts')}/{name}"


def _submit(script: PilotScript) -> Sequence[str]:
    return (_program("LGI_run"), f"--name={script.name}", f"--label={_LABEL}")


def _read_id(text: str) -> str:
    found = re.fullmatch(r"[0-9]{1,18}", text.strip(), re.ASCII)
    return found[0] if found else ""


def _query() -> Sequence[str]:
    return (_program("LGI_qstat"), "--mine", f"--label={_LABEL}", "--json")


def _read_jobs(text: str) -> list[BatchJob]:
    try:
        return [
            BatchJob(str(int(one["job_id"])), str(one.get("job_name", "")), _state(one["state"]))
            for one in json.loads(text)["jobs"]
        ]
    except (AttributeError, KeyError, TypeError, ValueError, RecursionError) as error:
        raise ValueError(f"no answer of LGI_qstat: {error}") from None


def _state(text: str) -> BatchState:
    if text in _WAITING:
        return BatchState.WAITING
    return BatchState.ENDED if text in _ENDED else BatchState.RUNNING


LGI = BatchSystem("lgi", _submit, _read_id, _query, _read_jobs)
