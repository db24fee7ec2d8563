"""Decides which package each installed file belongs to: file_lists.py ROOT HOME LISTS, called by install.sh.

Each program is in the package of its module, each Python package in that of the part of LGI that needs it.
The result is a file for each package, in the format of RPM's file lists.
"""

import re
import sys
from collections.abc import Iterator
from importlib.metadata import Distribution, distributions
from pathlib import Path, PurePosixPath

CLI, PYTHON, SERVER, RESOURCE = "LGI_cli", "LGI_python", "LGI_server", "LGI_resource"
# The packages of LGI's own modules.
MODULES = {
    "LGI": PYTHON,
    "lgi_tools": PYTHON,
    "lgi_protocol": PYTHON,
    "lgi_server": SERVER,
    "lgi_daemon": RESOURCE,
}
# Where programs of the modules are.
PROGRAMS = {"lgi_tools": CLI, "lgi_server": SERVER, "lgi_daemon": RESOURCE}
# Other files, by the beginning of their paths.
PLACES = {
    "/usr/bin/LGI_backend": RESOURCE,
    "/usr/share/bash-completion": CLI,
    "/usr/share/lgi/applications": RESOURCE,
    "/usr/share/lgi/documents": PYTHON,
    "/usr/share/lgi/front_ends": SERVER,
    "/usr/share/lgi/logrotate/LGI_resource": RESOURCE,
    "/usr/share/lgi/logrotate/LGI_server": SERVER,
    "/usr/share/lgi/monitoring": SERVER,
    "/usr/share/lgi/sql": SERVER,
    "/usr/share/lgi/sysusers": SERVER,
    "/usr/share/lgi/units": SERVER,
    "/usr/lib/sysusers.d": SERVER,
    "/usr/lib/systemd/system/lgi-server.service": SERVER,
    "/usr/lib/systemd/system/lgi-scheduler.service": SERVER,
    "/usr/lib/systemd/system/lgi-daemon.service": RESOURCE,
    "/usr/lib/python3": PYTHON,
    "/etc/logrotate.d/LGI_resource": RESOURCE,
    "/etc/logrotate.d/LGI_server": SERVER,
}
# What pip writes for itself; install.sh removes it.
OF_PIP = {"RECORD", "REQUESTED", "direct_url.json"}


class Packages:
    """The package of each path below ROOT."""

    def __init__(self, root: Path, home: str) -> None:
        """Read what is installed in the virtual environment HOME below ROOT."""
        self.root, self.home = root, home
        (self.site,) = (root / home[1:]).glob("lib/python*/site-packages")
        found = {_name(one.metadata["Name"]): one for one in distributions(path=[str(self.site)])}
        self.programs = {
            entry.name: PROGRAMS[entry.value.partition(".")[0]] for entry in found["lgi"].entry_points
        }
        self.modules = MODULES | _modules_of_others(found)

    def package_of(self, path: str) -> str:
        """Return the package of a file; ValueError when no rule is for it."""
        inside = path.removeprefix(f"/{self.site.relative_to(self.root)}/")
        if inside != path:
            return self.modules[_module(inside)]
        # Before the names of programs, which other files may have too, as /etc/logrotate.d/LGI_resource.
        for place, package in PLACES.items():
            if path.startswith(place):
                return package
        name = PurePosixPath(path).name
        if program := self.programs.get(re.sub(r"\.\d\.gz$", "", name)):
            return program
        path = path.replace(f"{self.home}/bin/LGI_", "/usr/bin/LGI_")
        if path.startswith(f"{self.home}/"):
            return PYTHON
        for place, package in PLACES.items():
            if path.startswith(place):
                return package
        raise ValueError(f"{path}: no package; add its place to specs/file_lists.py")

    def lines(self) -> Iterator[tuple[str, str]]:
        """Yield the package and the line of each file and of each directory that is LGI's own."""
        directories: dict[str, set[str]] = {}
        for file in sorted(self.root.rglob("*")):
            path = f"/{file.relative_to(self.root)}"
            if (file.is_dir() and not file.is_symlink()) or file.name in OF_PIP:
                continue
            package = self.package_of(path)
            yield package, f"%config(noreplace) {path}" if path.startswith("/etc/") else path
            for parent in map(str, PurePosixPath(path).parents):
                if parent.startswith((self.home, "/usr/share/lgi")):
                    directories.setdefault(parent, set()).add(package)
        for path, packages in sorted(directories.items()):
            # All others require it.
            yield packages.pop() if len(packages) == 1 else PYTHON, f"%dir {path}"


def _modules_of_others(found: dict[str, Distribution]) -> dict[str, str]:
    """Return the package of each module that LGI needs: the server's, unless the tools need it too."""
    needed = _closure(found, "lgi", {""})
    modules: dict[str, str] = {}
    for name, one in found.items():
        package = PYTHON if name in needed or name == "lgi" else SERVER
        names = {_module(str(file)) for file in one.files or ()} - {".."}
        for module in names if name != "lgi" else (one for one in names if one.endswith(".dist-info")):
            if modules.setdefault(module, package) != package:
                raise ValueError(f"{module} is needed by two packages; it belongs in {PYTHON}")
    return modules


def _closure(found: dict[str, Distribution], name: str, seen: set[str]) -> set[str]:
    """Return what a Python package needs, without its extras, and what that needs in turn."""
    for line in found[name].requires or ():
        needed = _name(re.split(r"[^\w.-]", line)[0])
        if "extra ==" not in line and needed in found and needed not in seen:
            seen.add(needed)
            _closure(found, needed, seen)
    return seen


def _module(path: str) -> str:
    """Return the first name of a path in site-packages, which is a module's or its directory's."""
    first, _, rest = path.partition("/")
    return rest.partition(".")[0] if first == "__pycache__" else first.removesuffix(".py")


def _name(text: str) -> str:
    return re.sub(r"[-_.]+", "-", text).lower()


if __name__ == "__main__":
    lists = Path(sys.argv[3])
    lists.mkdir(parents=True, exist_ok=True)
    texts: dict[str, str] = {CLI: "", PYTHON: "", SERVER: "", RESOURCE: ""}
    for package, line in Packages(Path(sys.argv[1]), sys.argv[2]).lines():
        texts[package] += f"{line}\n"
    for package, text in texts.items():
        (lists / package).write_text(text)
