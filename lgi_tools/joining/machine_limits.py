"""The limits of a new resource: cores, memory and GPUs of this machine, for plain processes."""

import re

from lgi_protocol import gpu_devices, machine_size
from lgi_protocol.value_object import value_object

# Jobs at a time where cores and memory bound them as well, and where a batch system does.
FEWEST_JOBS, QUEUED_JOBS = 20, 100
# Back-ends whose jobs run on this machine.
_LOCAL = frozenset({"", "process", "container"})
# None for all others is a rule of the application, no limit of the machine.
_OWNERS = re.compile(r"(<owner_allow> *<any>)(?! *0 *<)[^<]*(</any>)")
_RUN_DIRECTORY = re.compile(r"^( *)<run_directory>.*\n", re.MULTILINE)
_JOBS = re.compile(r"(<job_limit>)[^<]*(</job_limit>)")


@value_object
class MachineLimits:
    """The cores of a machine that jobs may use, its memory for them in MB, and its GPUs."""

    cores: int
    memory: int
    gpus: tuple[str, ...] = ()


def of_this_machine() -> MachineLimits:
    """Return the cores that processes here may use, nine tenths of the memory, and the GPUs of NVIDIA."""
    size = machine_size.usable()
    return MachineLimits(size.cores, size.memory // 2**20 * 9 // 10, _gpus())


def _gpus() -> tuple[str, ...]:
    try:
        return gpu_devices.devices()
    except ValueError:
        # Without the program, or a device that it could list.
        return ()


def is_local(backend: str) -> bool:
    """Return whether jobs of a back-end run on this machine; others are counted by their batch system."""
    return backend in _LOCAL


def raised(text: str, limits: MachineLimits, has_queue: bool) -> str:
    """Return a configuration that allows each owner as many jobs as there may be in all."""
    jobs = QUEUED_JOBS if has_queue else max(FEWEST_JOBS, limits.cores)
    for pattern in (_OWNERS, _JOBS):
        text = pattern.sub(rf"\g<1> {jobs} \g<2>", text)
    return text


def with_gpus(text: str, limits: MachineLimits) -> str:
    """Return a configuration that names the GPUs of the machine, if it has some."""
    if not limits.gpus:
        return text
    lines = (
        r"\g<0>\n\g<1><!-- The GPUs that nvidia-smi has listed where this was written. -->\n"
        rf"\g<1><gpus> {', '.join(limits.gpus)} </gpus>\n"
    )
    return _RUN_DIRECTORY.sub(lines, text, count=1)


def bounded(text: str, limits: MachineLimits) -> str:
    """Return a section with the limits of the machine behind its first job_limit."""
    found = re.search(r"^( *)<job_limit>.*\n", text, re.MULTILINE)
    if found is None:
        return text
    lines = (
        f"{found[1]}<!-- What all jobs here may request together: the cores, and nine tenths of the memory\n"
        f"{found[1]}     in MB, of the machine where this was written. A job that requests nothing\n"
        f"{found[1]}     counts as one core. -->\n"
        f"{found[1]}<cpu_limit> {limits.cores} </cpu_limit>\n"
        f"{found[1]}<memory_limit> {limits.memory} </memory_limit>\n"
    )
    return f"{text[: found.end()]}{lines}{text[found.end() :]}"
