"""The fenced blocks of a document, and what each is for.

The word after the three back quotes says it: ``sh`` is typed by the reader and is run by a test; ``sh root``,
``sh network`` and ``sh elsewhere`` are typed too, but need a machine that a test cannot have; ``sh engine``
is run by the test of a plugin, with its engine; ``python`` and ``pycon`` are Python; ``ini`` is the server's
configuration, ``xml`` the daemon's or a job's, ``sql`` is for MariaDB; ``text`` is what a program prints or a
file contains.
"""

from dataclasses import dataclass
from pathlib import Path

from markdown_it import MarkdownIt

ROOT = Path(__file__).parents[2]
DOCUMENTS = (
    ROOT / "README.md",
    ROOT / "SETUP.md",
    ROOT / "SECURITY.md",
    *sorted((ROOT / "docs").glob("*.md")),
    *sorted((ROOT / "docs" / "engines").glob("*.md")),
    ROOT / "applications" / "README.md",
    ROOT / "certificates" / "README.md",
)
# What a command needs that these tests have not: to change the machine, packages of the network, another
# machine, an engine of `make test-plugins`.
REASONS = ("root", "network", "elsewhere", "engine")
KINDS = {"sh", *(f"sh {reason}" for reason in REASONS), "pycon", "python", "ini", "xml", "sql", "text"}


@dataclass(frozen=True)
class Block:
    """One fenced block: the document, the number of its first line, its kind and its text."""

    document: str
    line: int
    kind: str
    text: str

    @property
    def place(self) -> str:
        """Where it is, for messages."""
        return f"{self.document}:{self.line}"


def blocks(path: Path, *kinds: str) -> list[Block]:
    """The blocks of a document that are of some kinds, of all kinds without any; in their order."""
    tokens = MarkdownIt("commonmark").parse(path.read_text("utf-8"))
    fences = [token for token in tokens if token.type == "fence"]
    name = str(path.relative_to(ROOT))
    found = [Block(name, (token.map or [0])[0] + 1, token.info.strip(), token.content) for token in fences]
    return [block for block in found if not kinds or block.kind in kinds]
