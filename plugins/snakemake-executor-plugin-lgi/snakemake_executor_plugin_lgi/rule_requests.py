"""What a rule needs, as LGI's requests: cores, memory, run time, GPUs, licences and resources."""

from collections.abc import Mapping

from snakemake_interface_common.exceptions import WorkflowError

from lgi_tools.client import command_line

# The most that is taken for a number of minutes or megabytes: more is a mistake of a unit.
_MOST = 1_000_000_000


def specifics_of(threads: int, resources: Mapping[str, object]) -> str:
    """Return the job specifics (XML) of a rule. Raises WorkflowError for a value that is none.

    ``threads`` are cores; of the ``resources`` are read ``mem_mb``, ``runtime`` in minutes, ``gpu`` and
    ``lgi_licences`` as ``"genus, primelib=4"``.
    """
    requests: dict[str, str | int] = {"cpus": max(1, threads)}
    for name, tag, factor in (("mem_mb", "memory", 1), ("runtime", "walltime", 60), ("gpu", "gpus", 1)):
        if amount := _number(resources, name):
            requests[tag] = amount * factor
    words = [word.strip() for word in str(resources.get("lgi_licences", "")).split(",")]
    try:
        return command_line.as_specifics(requests, command_line.licences([word for word in words if word]))
    except ValueError as error:
        raise WorkflowError(f"lgi_licences: {error}") from None


def _number(resources: Mapping[str, object], name: str) -> int:
    """Return an amount, 0 for none."""
    value = resources.get(name)
    # Resources that are not known yet have a text.
    if value is None or isinstance(value, str):
        return 0
    if not isinstance(value, int | float) or not 0 <= value <= _MOST:
        raise WorkflowError(f"the resource {name} of a rule is {value!r}: it must be from 0 to {_MOST}")
    return int(value)


def targets_of(resources: Mapping[str, object], default: str) -> tuple[str, ...]:
    """Return the resources of the project that may run a rule: ``lgi_targets``, or those of all rules."""
    text = str(resources.get("lgi_targets", "") or default or "any")
    return tuple(word.strip() for word in text.split(",") if word.strip())
