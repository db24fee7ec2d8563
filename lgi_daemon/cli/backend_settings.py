"""The settings of a script that sources LGI_backend: one that is misspelt would be ignored."""

import difflib
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

_ASSIGNMENT = re.compile(r"^\s*(?:export\s+)?([A-Za-z_]\w*)=", re.MULTILINE)
_SOURCES_BACKEND = re.compile(r"^\s*\.\s+LGI_backend\b", re.MULTILINE)
# As `: "${max_cpus:=1}"` in the library; and the one that chooses the back-end.
_DEFAULT = re.compile(r"\$\{([a-z_]+):?[=-]")
_BACKEND = "backend"
# A script may have variables of its own: only a name that resembles a setting is taken for one.
_SIMILARITY = 0.8
_MAX_BYTES = 64 * 1024


def misspellings(scripts: Iterable[Path], backend: Path) -> Iterator[tuple[Path, str, str]]:
    """Yield the script, the name and the setting that was probably meant, for each unknown name.

    ``backend`` is the path of LGI_backend. A script that does not source it has no settings.
    """
    known = _settings(backend)
    for script in dict.fromkeys(scripts):
        text = _text(script)
        if known and _SOURCES_BACKEND.search(text):
            for name in dict.fromkeys(_ASSIGNMENT.findall(text)):
                close = difflib.get_close_matches(name.lower(), known, n=1, cutoff=_SIMILARITY)
                if name not in known and close:
                    yield script, name, close[0]


def _settings(backend: Path) -> set[str]:
    """Return the names of all settings; none when the library is not installed."""
    directory = backend.resolve().parent
    shared = directory.parent / "share" / "lgi" / "applications" / "library"
    library = directory if (directory / "settings.sh").is_file() else shared
    found = {name for part in library.glob("*.sh") for name in _DEFAULT.findall(_text(part))}
    return found | {_BACKEND} if found else set()


def _text(path: Path) -> str:
    try:
        with path.open("rb") as opened:
            return opened.read(_MAX_BYTES).decode("utf-8", "replace")
    except OSError:
        return ""
