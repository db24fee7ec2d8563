"""The files and the script of a job that calls a function."""

import io
import json
import shutil
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from hashlib import sha256
from itertools import count
from pathlib import Path
from shlex import quote
from types import ModuleType
from typing import Any
from weakref import finalize

from lgi_tools.client.executor import file_check, remote_call

Call = tuple[Sequence[Any], Mapping[str, Any]]
_ARCHIVE = "function.pyz"
_MISSING = "this machine has no {program}, which is to read the function: name another one with python=..."
# The check of the files has the first argument as its Python, and nothing from the directory of the job.
_SCRIPT = """\
#!/bin/sh
check() {{
"$1" -I -c {program} << 'END_OF_DIGESTS'
{digests}
END_OF_DIGESTS
}}
{starts}
echo {missing} >&2
exit {code}
"""
# Of all members, so that the same function makes the same archive.
_DATE = (1980, 1, 1, 0, 0, 0)


class FunctionBundles:
    """The files to send, in a temporary directory: an archive for each function, one file for each job."""

    def __init__(self, python: str = "") -> None:
        """Call functions with ``python``, by default the same version as here.

        Raises ImportError when cloudpickle is not installed.
        """
        self._cloudpickle = _import_cloudpickle()
        self._python = python
        self._directory = Path(tempfile.mkdtemp(prefix="lgi-executor-"))
        self._remove = finalize(self, shutil.rmtree, self._directory, ignore_errors=True)
        self._numbers = count(1)

    def script(self, files: Iterable[Path]) -> str:
        """Return the input of a job, which checks its files and starts the archive with a suitable Python.

        Raises OSError for a file that cannot be read.
        """
        version = f"{sys.version_info.major}.{sys.version_info.minor}"
        programs = [self._python] if self._python else [f"python{version}", "python3"]
        starts = [_start(quote(one), version) for one in programs]
        return _SCRIPT.format(
            program=quote(Path(file_check.__file__).read_text("utf-8")),
            # One line of ASCII that begins with a brace: no end of the here-document.
            digests=json.dumps({path.name: _digest(path) for path in files}),
            starts="\n".join(starts),
            missing=quote(_MISSING.format(program=self._python or f"Python {version}")),
            code=remote_call.WRONG_PYTHON,
        )

    def archive(self, function: Callable[..., Any]) -> Path:
        """Return the archive of a function, the same for the same pickle.

        Raises what pickling raises, mostly TypeError or PicklingError.
        """
        data = self._cloudpickle.dumps(function)
        path = self._directory / sha256(data).hexdigest() / _ARCHIVE
        if not path.exists():
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(_zipped(data, self._cloudpickle))
        return path

    def arguments(self, calls: Sequence[Call]) -> Path:
        """Return the file with the arguments of some calls. Raises as `archive`."""
        data = self._cloudpickle.dumps(calls)
        path = self._directory / str(next(self._numbers)) / remote_call.ARGUMENTS
        path.parent.mkdir()
        path.write_bytes(data)
        return path

    def discard(self, arguments: Path) -> None:
        """Remove the arguments of a job that has been sent."""
        shutil.rmtree(arguments.parent, ignore_errors=True)

    def close(self) -> None:
        """Remove all files."""
        self._remove()


def _start(program: str, version: str) -> str:
    return (
        f"! command -v {program} > /dev/null || {{ check {program} || exit;"
        f" exec {program} {_ARCHIVE} {version}; }}"
    )


def _digest(path: Path) -> str:
    """Return the digest of a file, which is read once for many jobs as long as it does not change."""
    status = path.stat()
    return _digest_of_version(path, status.st_ino, status.st_size, status.st_mtime_ns)


@lru_cache(1024)
def _digest_of_version(path: Path, *_: int) -> str:
    return file_check.digest_of(str(path))


def _import_cloudpickle() -> ModuleType:
    try:
        import cloudpickle
    except ImportError:
        raise ImportError(
            "functions are sent to jobs by the package cloudpickle, which is not installed:"
            " install it, or LGI with the extra 'executor'"
        ) from None
    found: ModuleType = cloudpickle
    return found


def _zipped(function: bytes, cloudpickle: ModuleType) -> bytes:
    """Return an archive that Python runs: it has the function, and cloudpickle for machines without it."""
    written = io.BytesIO()
    package = Path(str(cloudpickle.__file__)).parent
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as archive:
        members = {f"cloudpickle/{path.name}": path.read_bytes() for path in sorted(package.glob("*.py"))}
        members["__main__.py"] = Path(remote_call.__file__).read_bytes()
        members[remote_call.FUNCTION] = function
        for name, data in members.items():
            archive.writestr(zipfile.ZipInfo(name, _DATE), data, zipfile.ZIP_DEFLATED)
    return written.getvalue()
