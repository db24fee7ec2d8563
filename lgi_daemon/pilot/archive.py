"""Packs the daemon of this installation, with all it needs, into one file for machines without LGI."""

import os
import re
import shutil
import sys
import sysconfig
import zipapp
from collections.abc import Iterator
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory, mkstemp

import lgi_daemon
import lgi_protocol
from lgi_daemon.pilot import archive_main

# Only servers validate XML with it.
_LEFT_OUT = frozenset({"lxml"})
# A shell finds the Python that is beside a program, also by a link; Python takes this for a text.
_START = """#!/bin/sh
'''exec' "$(dirname -- "$(readlink -f -- "$0")")/python" "$0" "$@"
' '''
"""
# Programs of LGI that scripts and jobs call; LGI_daemon itself.
_MODULES = ("lgi_daemon.", "lgi_tools.")


def pack(file: Path) -> None:
    """Write the archive, an executable file. Raise OSError when it cannot be written.

    It has no configuration, certificate or key.
    """
    with TemporaryDirectory(prefix="LGI_pack") as place:
        folder = Path(place)
        packages = folder / "packages"
        for module in (lgi_daemon, lgi_protocol):
            _copy(Path(module.__path__[0]), packages)
        tools = Path(lgi_daemon.__path__[0]).parent / "lgi_tools"
        if tools.is_dir():
            _copy(tools, packages)
        for one in _needed(distribution("lgi")):
            _copy_distribution(one, packages)
        _write_programs(folder)
        shutil.copy(archive_main.__file__, folder / "__main__.py")
        _write(folder, file)


def _write(folder: Path, file: Path) -> None:
    """Write the archive of a folder beside the file, by a name that nobody can guess, and rename it."""
    descriptor, name = mkstemp(dir=file.parent, prefix=f".{file.name}.")
    try:
        with open(descriptor, "wb") as opened:
            zipapp.create_archive(folder, opened, "/usr/bin/env python3", compressed=True)
            # A program for everybody, without secrets.
            os.fchmod(descriptor, 0o755)  # nosec B103
        Path(name).replace(file)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _copy(package: Path, packages: Path) -> None:
    ignored = shutil.ignore_patterns("__pycache__", "*.pyc")
    shutil.copytree(package, packages / package.name, ignore=ignored)


def _needed(root: Distribution) -> Iterator[Distribution]:
    """Yield the distributions that LGI's daemon and tools need, and what these need in turn."""
    seen, waiting = {"lgi", *_LEFT_OUT}, [root]
    while waiting:
        for line in waiting.pop().requires or ():
            name = re.split(r"[^\w.-]", line)[0].lower()
            if name in seen or "extra ==" in line:
                continue
            seen.add(name)
            try:
                found = distribution(name)
            except PackageNotFoundError:
                # Needed on another system or by another Python.
                continue
            waiting.append(found)
            yield found


def _copy_distribution(one: Distribution, packages: Path) -> None:
    for entry in one.files or ():
        path = PurePosixPath(entry)
        if ".." in path.parts or "__pycache__" in path.parts or path.suffix == ".pyi":
            continue
        target = packages / path
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(str(entry.locate()), target)


def _write_programs(folder: Path) -> None:
    """Write LGI's programs for a Python that is found beside them, and the library of applications."""
    programs = folder / "bin"
    programs.mkdir()
    for entry in distribution("lgi").entry_points:
        if entry.group == "console_scripts" and entry.value.startswith(_MODULES):
            module, _, function = entry.value.partition(":")
            program = programs / entry.name
            call = f"import sys\n\nfrom {module} import {function}\n\nsys.exit({function}())\n"
            program.write_text(_START + call)
            program.chmod(0o755)
    backend = Path(sysconfig.get_path("scripts")) / "LGI_backend"
    if backend.exists():
        shutil.copy(backend.resolve(), programs / "LGI_backend")
        (programs / "LGI_backend").chmod(0o755)
    library = _library_of(backend)
    if library is not None:
        target = folder / "share/lgi/applications/library"
        target.mkdir(parents=True)
        for path in library.glob("*.sh"):
            shutil.copy(path, target)


def _library_of(backend: Path) -> Path | None:
    places = (backend.resolve().parent, Path(sys.prefix) / "share/lgi/applications/library")
    return next((place for place in places if (place / "job.sh").is_file()), None)
