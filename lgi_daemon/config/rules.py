"""The limits of one level (resource, project or application) as the configuration gives them."""

from collections.abc import Mapping
from dataclasses import dataclass

from lgi_protocol import comma_lists


@dataclass(frozen=True)
class LimitRules:
    """Limits of one level: whose jobs it accepts, and how many.

    ``owner_allow`` maps an owner to a number of jobs; the name ``any`` stands for owners without an entry.
    ``job_limit`` is a number of jobs. ``cpu_limit`` (cores) and ``memory_limit`` (MB) bound the sum of what
    all jobs of the level request; 0 means no limit. ``gpus`` is the number of GPUs of the resource.
    """

    owner_allow: Mapping[str, int]
    owner_deny: tuple[str, ...]
    job_limit: int
    cpu_limit: int = 0
    memory_limit: int = 0
    gpus: int = 0

    def limit_of(self, owner: str) -> int | None:
        """Return the number of jobs an owner may have at this level, None when the level sets no limit."""
        return self.owner_allow.get(owner, self.owner_allow.get(comma_lists.ANY))
