"""The environment variables of scripts, and the directory of LGI's programs for scripts and jobs."""

import os
import secrets
import sys
import sysconfig
from collections.abc import Mapping
from contextlib import suppress
from functools import cache
from pathlib import Path

# LGI's programs under their full names, which are those of no other program.
PROGRAMS = ".programs"
# The filters under their short names, for scripts only: a system may have its own xml and hash.
_FILTERS = Path(__file__).parent / "filters"
_DEFAULT_LOCALE = "C.UTF-8"
_LOCALE = (
    *("LANG", "LANGUAGE", "LC_ALL", "LC_CTYPE", "LC_COLLATE", "LC_MESSAGES", "LC_NUMERIC", "LC_TIME"),
    *(
        "LC_MONETARY",
        "LC_PAPER",
        "LC_NAME",
        "LC_ADDRESS",
        "LC_TELEPHONE",
        "LC_MEASUREMENT",
        "LC_IDENTIFICATION",
    ),
)
_PROXIES = (
    *("http_proxy", "https_proxy", "ftp_proxy", "all_proxy", "no_proxy"),
    *("HTTP_PROXY", "HTTPS_PROXY", "FTP_PROXY", "ALL_PROXY", "NO_PROXY"),
)
PASSED_ON = ("PATH", "HOME", "TZ", "TMPDIR", "USER", "LOGNAME", "SHELL", *_LOCALE, *_PROXIES)
# These describe the daemon's user: a job with a uid of its own gets others, or none.
_OF_USER = ("USER", "LOGNAME", "SHELL")


def variables(programs: Path | None, home: Path | None, hints: Mapping[str, str]) -> dict[str, str]:
    """Return all environment variables of a script: some of the daemon's, and the hints.

    ``programs`` is a directory of `link_programs`. ``home`` is the directory of a job with a uid of its own.
    LGI_JOB_PATH is the PATH for the job's program: that of the site, followed by LGI's programs.
    """
    kept = {name: value for name in PASSED_ON if (value := os.environ.get(name)) is not None}
    if not any(kept.get(name) for name in ("LC_ALL", "LC_CTYPE", "LANG")):
        kept["LANG"] = _DEFAULT_LOCALE
    site, own = site_path(), [str(programs)] if programs else []
    kept["PATH"] = ":".join([str(_FILTERS), *own, site])
    kept["LGI_JOB_PATH"] = ":".join([site, *own])
    if programs and (library := library_of(programs)):
        kept["LGI_LIBRARY"] = library
    if home is not None:
        kept = {name: kept[name] for name in kept if name not in _OF_USER}
        kept["HOME"] = kept["TMPDIR"] = str(home)
    return kept | dict(hints)


@cache
def library_of(programs: Path) -> str:
    """Return the directory of the application library that belongs to LGI_backend; empty without one."""
    backend = (programs / "LGI_backend").resolve()
    for folder in (backend.parent, backend.parents[1] / "share/lgi/applications/library"):
        if (folder / "job.sh").is_file():
            return str(folder)
    return ""


def site_path() -> str:
    """Return the daemon's PATH without the virtual environment of LGI, whose Python is LGI's own."""
    path = os.environ.get("PATH") or os.defpath
    return path if sys.prefix == sys.base_prefix else _without_own(path)


@cache
def _without_own(path: str) -> str:
    """Return a PATH without our own directory. To look at all of it for each script would take 1 ms."""
    own = os.path.realpath(sysconfig.get_path("scripts"))
    return ":".join(folder for folder in path.split(":") if not folder or os.path.realpath(folder) != own)


def link_programs(run_directory: Path) -> Path:
    """Create or update, and return, the directory with links to all LGI_* programs of this installation.

    Raise OSError when it cannot be written.
    """
    folder = run_directory / PROGRAMS
    folder.mkdir(mode=0o755, exist_ok=True)
    folder.chmod(0o755)
    targets = {path.name: str(path) for path in Path(sysconfig.get_path("scripts")).glob("LGI_*")}
    for name in os.listdir(folder):
        if name not in targets:
            (folder / name).unlink()
    for name, target in targets.items():
        link = folder / name
        with suppress(OSError):
            if os.readlink(link) == target:
                continue
        # Replaced atomically: running jobs use it.
        fresh = folder / f".{name}.{secrets.token_hex(4)}"
        fresh.symlink_to(target)
        fresh.replace(link)
    return folder
