"""The files that the patterns of a job choose, in its directory and those below; no link is followed."""

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from lgi_protocol import open_flags
from lgi_tools.client.command_line import LONGEST_NAME
from lgi_tools.client.result_patterns import ResultPatterns, stored_name
from lgi_tools.staging.directory import RESERVED, LocalFile, Omitted, examined, reason

# As many as a repository has.
MOST_FILES = 10_000
# Entries that are looked at, and directories inside each other.
MOST_ENTRIES, DEEPEST = 500_000, 64
_FLAGS = os.O_RDONLY | open_flags.DIRECTORY | open_flags.NO_FOLLOW


def chosen_files(directory: Path, patterns: ResultPatterns) -> Iterator[LocalFile | Omitted]:
    """Yield the chosen files in the order of their names, and what is chosen and cannot be stored."""
    for pattern in patterns.invalid:
        yield Omitted(pattern, "not a pattern of result files")
    try:
        at = os.open(directory, os.O_RDONLY | open_flags.DIRECTORY)
    except OSError as error:
        yield Omitted("results", reason(error))
        return
    number = 0
    try:
        for one in _Walk(directory, patterns).below(at, ()):
            number += isinstance(one, LocalFile)
            if number > MOST_FILES:
                yield Omitted("further files", f"more than {MOST_FILES}")
                return
            yield one
    finally:
        os.close(at)


@dataclass
class _Walk:
    """A walk through the directories of one job."""

    directory: Path
    patterns: ResultPatterns
    entries: int = 0

    def below(self, at: int, parents: tuple[str, ...]) -> Iterator[LocalFile | Omitted]:
        """Yield the files of an open directory and of those below it."""
        for name in sorted(os.listdir(at)):
            self.entries += 1
            if self.entries > MOST_ENTRIES:
                if self.entries == MOST_ENTRIES + 1:
                    yield Omitted("further files", f"more than {MOST_ENTRIES} were looked at")
                return
            if parents or not name.startswith(RESERVED):
                yield from self._entry(at, (*parents, name))

    def _entry(self, at: int, parts: tuple[str, ...]) -> Iterator[LocalFile | Omitted]:
        path = "/".join(parts)
        try:
            status = os.stat(parts[-1], dir_fd=at, follow_symlinks=False)
            if stat.S_ISDIR(status.st_mode):
                if self.patterns.reaches(parts):
                    yield from self._directory(at, parts)
                return
        except OSError as error:
            if self.patterns.takes(parts):
                yield Omitted(path, reason(error))
            return
        if not self.patterns.takes(parts):
            return
        name = stored_name(path)
        if len(os.fsencode(name)) > LONGEST_NAME:
            yield Omitted(path, "its path is too long")
        else:
            yield examined(name, self.directory / path, status, path)

    def _directory(self, at: int, parts: tuple[str, ...]) -> Iterator[LocalFile | Omitted]:
        if len(parts) > DEEPEST:
            yield Omitted(f"{'/'.join(parts[:3])}/...", f"more than {DEEPEST} directories inside each other")
            return
        inner = os.open(parts[-1], _FLAGS, dir_fd=at)
        try:
            yield from self.below(inner, parts)
        finally:
            os.close(inner)
