"""Which files of a job's directory are its results: patterns in the specifics of the job, read by LGI_stage.

A path matches a pattern when the pattern matches all of it, or a directory above it; ``**`` stands for any
number of directories. Repositories have no directories: there the name of a chosen file is its whole path.
"""

import re
from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase

from lgi_protocol import xml
from lgi_protocol.common_name import has_control
from lgi_protocol.value_object import value_object

# Patterns of each kind, bytes of one, and its parts.
MOST, LONGEST, DEEPEST = 32, 200, 32
_OUTPUT, _EXCLUDE, _PATTERN = "output_files", "exclude_files", "pattern"
_ANY_DEPTH = "**"


@value_object
class ResultPatterns:
    """Patterns of the files to keep (none: all files, but no directories), and of those to leave out.

    A pattern to leave out that has no ``/`` is for the name of any file or directory. ``invalid`` are
    patterns that were read and cannot be used.
    """

    output: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    invalid: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Raise ValueError for a pattern that is none, or too many of them."""
        for given in (self.output, self.exclude):
            if len(given) > MOST:
                raise ValueError(f"{len(given)} patterns of result files: at most {MOST} can be given")
            for pattern in given:
                _check(pattern)

    @property
    def has_paths(self) -> bool:
        """Whether the names in the repository are paths, written by `stored_name`."""
        return bool(self.output)

    def takes(self, parts: Sequence[str]) -> bool:
        """Return whether a file with this path is kept, unless a directory above it is left out."""
        is_chosen = not self.output or any(_is_match(_parts(one), parts) for one in self.output)
        return is_chosen and not self.leaves_out(parts)

    def leaves_out(self, parts: Sequence[str]) -> bool:
        """Return whether a file or directory is left out."""
        return any(
            _is_match(_parts(one), parts) if "/" in one.rstrip("/") else fnmatchcase(parts[-1], one)
            for one in self.exclude
        )

    def reaches(self, parts: Sequence[str]) -> bool:
        """Return whether files below a directory may be kept."""
        is_reached = any(_places(_parts(one), parts) for one in self.output)
        return is_reached and not self.leaves_out(parts)

    def as_xml(self) -> str:
        """Return the elements for the specifics of a job, empty without patterns."""
        given = ((_OUTPUT, self.output), (_EXCLUDE, self.exclude))
        return " ".join(
            xml.write(xml.Element(name, tuple(xml.Element(_PATTERN, one) for one in patterns)))
            for name, patterns in given
            if patterns
        )


ALL = ResultPatterns()


def read(specifics: str) -> ResultPatterns:
    """Return the patterns in the specifics of a job; one that cannot be used is ``invalid``."""
    kinds, invalid = [], []
    for kind in (_OUTPUT, _EXCLUDE):
        good = []
        found = xml.find(specifics, kind)
        for number, one in enumerate(xml.find_all(found.inside, _PATTERN) if found else ()):
            try:
                _check(one.text)
                if number >= MOST:
                    raise ValueError("there are too many")
                good.append(one.text)
            except ValueError:
                invalid.append(one.text)
        kinds.append(tuple(good))
    return ResultPatterns(kinds[0], kinds[1], tuple(invalid[:MOST]))


def _check(pattern: str) -> None:
    shown = repr(pattern[:60])
    parts = pattern.removesuffix("/").split("/")
    if pattern.startswith("/") or ".." in parts:
        raise ValueError(
            f"the pattern {shown} leads out of the job's directory: write one such as 'results/**'"
        )
    if {"", "."} & set(parts) or has_control(pattern) or pattern != pattern.strip():
        raise ValueError(f"{shown} is no pattern of result files: write one such as 'results/**' or '*.dat'")
    try:
        is_long = len(pattern.encode()) > LONGEST or len(parts) > DEEPEST
    except UnicodeEncodeError:
        raise ValueError(f"the pattern {shown} is not UTF-8") from None
    if is_long:
        raise ValueError(f"the pattern {shown} has more than {LONGEST} bytes or {DEEPEST} directories")


def _parts(pattern: str) -> tuple[str, ...]:
    return tuple(pattern.removesuffix("/").split("/"))


def _is_match(pattern: Sequence[str], parts: Sequence[str]) -> bool:
    return len(pattern) in _places(pattern, parts)


def _places(pattern: Sequence[str], parts: Sequence[str]) -> set[int]:
    """Return how many parts of a pattern may be used up by a path; none when it cannot match below it."""
    places = _skip({0}, pattern)
    for part in parts:
        if len(pattern) in places:
            return {len(pattern)}
        stay = {at for at in places if pattern[at] == _ANY_DEPTH}
        go = {at + 1 for at in places - stay if fnmatchcase(part, pattern[at])}
        places = _skip(stay | go, pattern)
    return places


def _skip(places: Iterable[int], pattern: Sequence[str]) -> set[int]:
    """Return places and those behind a ``**``, which may stand for no directory."""
    found: set[int] = set()
    for at in places:
        found.add(at)
        while at < len(pattern) and pattern[at] == _ANY_DEPTH:
            at += 1
            found.add(at)
    return found


def stored_name(path: str) -> str:
    """Return the name in a repository for the path of a chosen file: ``a%2Fb`` for ``a/b``."""
    return path.replace("%", "%25").replace("/", "%2F")


def path_of(name: str) -> str:
    """Return the path that a `stored_name` stands for; it is not checked."""
    return re.sub("%(25|2F)", lambda found: "%" if found[1] == "25" else "/", name)
