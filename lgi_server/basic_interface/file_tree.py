"""The files of a repository as folders: names as ``results%2Fenergy.dat`` stand for paths (wire.md)."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from lgi_server.storage.repository import StoredFile

# Folders in each other; what is deeper keeps its path in its name.
MOST_DEPTH = 8
_ESCAPED = re.compile("%(25|2F)")


@dataclass(frozen=True)
class ShownFile:
    """A file and its name in its folder."""

    shown: str
    file: StoredFile


@dataclass
class Folder:
    """A folder: its name, the files in it, and its folders by name."""

    name: str = ""
    files: list[ShownFile] = field(default_factory=list)
    folders: "dict[str, Folder]" = field(default_factory=dict)

    @property
    def number(self) -> int:
        """How many files are in it and its folders."""
        return len(self.files) + sum(one.number for one in self.folders.values())

    @property
    def size(self) -> int:
        """The bytes of all these files."""
        return sum(one.file.size for one in self.files) + sum(one.size for one in self.folders.values())


def tree(files: Sequence[StoredFile]) -> Folder:
    """Return the folder with these files and their folders; a name that is no path of folders stays whole."""
    top = Folder()
    for one in files:
        *folders, name = path_of(one.name)
        place = top
        for folder in folders:
            place = place.folders.setdefault(folder, Folder(folder))
        place.files.append(ShownFile(name, one))
    return top


def path_of(name: str) -> list[str]:
    """Return the folders and the name that a stored name stands for, or it alone when it is no path."""
    path = _ESCAPED.sub(lambda found: "%" if found[1] == "25" else "/", name)
    parts = path.split("/", MOST_DEPTH)
    return parts if "" not in parts and not {".", ".."} & set(parts) else [name]
