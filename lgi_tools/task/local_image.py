"""Container images that podman or docker has on this machine."""

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lgi_tools.client.text import one_line

ENGINES = ("podman", "docker")
# Seconds for a short answer, and for the export of an image.
_SHORT, _LONG = 60, 3600


@contextmanager
def export(image: str) -> Iterator[Path]:
    """Yield an archive with the file system of an image, as ``psi4:1.5``, which is removed afterwards.

    The first engine that has the image exports it; none is fetched. Raises ValueError when no engine has it.
    """
    engines = [path for path in map(shutil.which, ENGINES) if path]
    if not engines:
        raise ValueError("neither podman nor docker is installed here: name the file of the image")
    with tempfile.TemporaryDirectory(prefix="lgi-image-") as directory:
        archive = Path(directory, "image.tar")
        engine, container = _create(engines, image)
        try:
            _run([engine, "export", "--output", str(archive), container], _LONG)
        finally:
            _run([engine, "rm", container], _SHORT)
        yield archive


def _create(engines: list[str], image: str) -> tuple[str, str]:
    """Return the engine and the id of a container of an image, which is not started."""
    reasons = []
    for engine in engines:
        try:
            return engine, _run([engine, "create", "--pull", "never", image, "true"], _SHORT)
        except ValueError as error:
            reasons.append(str(error))
    raise ValueError(f"there is no image {image} here: {'; '.join(reasons)}")


def _run(command: list[str], seconds: int) -> str:
    """Return what a command prints. Raises ValueError with its message when it fails."""
    name = f"{Path(command[0]).name} {command[1]}"
    try:
        done = subprocess.run(  # noqa: S603 - constant words, and a name that was checked
            command, capture_output=True, text=True, errors="replace", timeout=seconds, check=False
        )
    except subprocess.TimeoutExpired:
        raise ValueError(f"{name} did not end within {seconds} s") from None
    except OSError as error:
        raise ValueError(f"{name} cannot be started: {error.strerror}") from None
    if done.returncode:
        raise ValueError(f"{name}: {one_line(done.stderr.strip()[-300:])}")
    return done.stdout.strip()
