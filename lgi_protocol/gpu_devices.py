"""The GPUs of this machine, which jobs request by their number: the names that CUDA_VISIBLE_DEVICES takes."""

import re
import shutil
import subprocess

from lgi_protocol import comma_lists

# The word that stands for the devices which this program lists.
FIND = "nvidia-smi"
MOST = 64
_SECONDS = 20.0
# A number, a UUID, a part of a device as MIG-...
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:/-]{0,79}\Z", re.ASCII)
_LINE = re.compile(r"GPU ([0-9]{1,3}):")


def read(text: str) -> tuple[str, ...]:
    """Return the devices of a comma list, or with `FIND` those that are found. Raises ValueError."""
    names = comma_lists.split(text)
    if names == (FIND,):
        return devices()
    for name in names:
        if not _NAME.match(name):
            raise ValueError(f"{name[:40]!r} is no device of CUDA_VISIBLE_DEVICES: give numbers or UUIDs")
    if len(set(names)) < len(names) or len(names) > MOST:
        raise ValueError(f"each device must be there once, and at most {MOST}")
    return names


def devices(program: str = FIND) -> tuple[str, ...]:
    """Return the numbers of the devices that the program lists. Raises ValueError when it cannot."""
    path = shutil.which(program)
    if path is None:
        raise ValueError(f"there is no program {program}: name the devices instead, as 0, 1")
    try:
        answer = subprocess.run([path, "-L"], capture_output=True, timeout=_SECONDS, check=False)  # noqa: S603
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ValueError(f"{program} -L gives no answer: {error}") from None
    if answer.returncode:
        raise ValueError(
            f"{program} -L ends with status {answer.returncode}: name the devices instead, as 0, 1"
        )
    lines = answer.stdout.decode("utf-8", "replace").splitlines()
    return tuple(match[1] for line in lines if (match := _LINE.match(line)))[:MOST]
