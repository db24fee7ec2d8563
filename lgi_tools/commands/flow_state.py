"""What was submitted of a flow, remembered in a file beside it."""

import hashlib
import json
import os
from dataclasses import dataclass, field
from pathlib import Path

from lgi_tools.client import idempotent_submit

SUFFIX = ".state"


@dataclass
class FlowState:
    """The jobs of a flow by name, and how often each was submitted before.

    With ``flow_id`` this makes request ids, so that a submit whose answer was lost makes no second job. A
    job that is an array has ``arrays``: elements that were submitted again later are in one of their own.
    """

    path: Path
    server: str
    flow_id: str = field(default_factory=idempotent_submit.new_id)
    jobs: dict[str, int] = field(default_factory=dict)
    earlier: dict[str, int] = field(default_factory=dict)
    arrays: dict[str, list[int]] = field(default_factory=dict)

    def request_id(self, key: str) -> str:
        """Return the request id of the next submit of a job."""
        digest = hashlib.sha256(key.encode()).hexdigest()[:16]
        return f"{self.flow_id[:16]}.{self.earlier.get(key, 0)}.{digest}"

    def array_request_id(self, key: str, contents: str) -> str:
        """Return the request id of the next submit of an array with these ``contents``, a short digest."""
        digest = hashlib.sha256(f"{key} {contents}".encode()).hexdigest()[:16]
        return f"{self.flow_id[:16]}.{len(self.arrays.get(key, ()))}.{digest}"

    def add_array(self, key: str, array_id: int) -> bool:
        """Keep the array of a job; return whether it is new."""
        known = self.arrays.setdefault(key, [])
        if not array_id or array_id in known:
            return False
        known.append(array_id)
        return True

    def forget(self, key: str) -> None:
        """Let a job be submitted again."""
        del self.jobs[key]
        self.earlier[key] = self.earlier.get(key, 0) + 1

    def write(self) -> None:
        """Store the state, as a whole or not at all."""
        names = ("server", "flow_id", "jobs", "earlier", "arrays")
        values = {name: getattr(self, name) for name in names}
        partial = self.path.with_name(f"{self.path.name}.new")
        partial.write_text(json.dumps(values, indent=1) + "\n", "utf-8")
        os.replace(partial, self.path)


def path_of(file: Path) -> Path:
    """Return the state file of a flow."""
    return file.with_name(f"{file.name}{SUFFIX}")


def read(path: Path) -> FlowState | None:
    """Return what was submitted, None if nothing was. Raises ValueError for a file that is no state."""
    try:
        values = json.loads(path.read_text("utf-8"))
        jobs, earlier = (
            {str(key): int(number) for key, number in values[name].items()} for name in ("jobs", "earlier")
        )
        arrays = {str(key): [int(one) for one in ids] for key, ids in values.get("arrays", {}).items()}
        return FlowState(path, str(values["server"]), str(values["flow_id"]), jobs, earlier, arrays)
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError, AttributeError):
        raise ValueError(f"{path} is no state of LGI_flow: remove it to submit the whole flow") from None
