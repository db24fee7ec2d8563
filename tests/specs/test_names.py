"""Names of modules and public names use the terms of the field, not a private vocabulary."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("lgi_protocol", "lgi_server", "lgi_daemon", "lgi_tools")
BANNED = frozenset(
    re.findall(
        r"\w+",
        """
        soon aside again ahead awaited touches crowd census arrivals standings turns tour errands looks
        trouble room refusals crew wishes patience entrances places story former desk told found wanted
        """,
    )
)
_TABLE = "the table licence_wishes has this name in the database of every project"
_LATER = "not renamed yet: it has callers in several modules"
# "path" or "path name": the reason why it keeps its name.
EXCEPTIONS: dict[str, str] = {
    "lgi_server/tables/licence_wishes.py": _TABLE,
}


def modules() -> list[Path]:
    return sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))


def public_names(tree: ast.Module) -> Iterator[str]:
    """Functions and classes of a module, and the methods and fields of its classes."""
    for node in tree.body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name
        if isinstance(node, ast.ClassDef):
            for part in node.body:
                if isinstance(part, ast.FunctionDef | ast.AsyncFunctionDef):
                    yield part.name
                elif isinstance(part, ast.AnnAssign) and isinstance(part.target, ast.Name):
                    yield part.target.id


def offenders(path: Path, text: str) -> list[str]:
    """Return the banned names of a module as "path" or "path name"."""
    found = [str(path)] if BANNED.intersection((*path.parent.parts, *path.stem.split("_"))) else []
    names = {name for name in public_names(ast.parse(text)) if name.lower() in BANNED}
    return found + [f"{path} {name}" for name in sorted(names)]


def test_a_public_name_uses_the_terms_of_the_field() -> None:
    """A name of a module, class, function, method or field is no word of the ban list (CONTRIBUTING.md)."""
    found = [
        name
        for path in modules()
        for name in offenders(path.relative_to(ROOT), path.read_text("utf-8"))
        if name not in EXCEPTIONS
    ]

    assert found == [], "use a term of the field for:\n" + "\n".join(found)


def test_an_exception_has_a_reason() -> None:
    """A name that stays although it is on the ban list says why."""
    assert all(EXCEPTIONS.values())


@pytest.mark.parametrize(
    ("path", "text", "found"),
    [
        ("lgi_tools/touches.py", "", ["lgi_tools/touches.py"]),
        ("lgi_tools/job_looks.py", "", ["lgi_tools/job_looks.py"]),
        ("lgi_tools/desk/a.py", "", ["lgi_tools/desk/a.py"]),
        ("a.py", "class Tour:\n    x: int = 0", ["a.py Tour"]),
        ("a.py", "class A:\n    def again(self): ...\n    wanted: int", ["a.py again", "a.py wanted"]),
        ("a.py", "def told(): ...", ["a.py told"]),
        ("a.py", "def _told():\n    found = 1", []),
        ("lgi_tools/notouches.py", "def is_wanted(): ...", []),
    ],
)
def test_a_banned_name_is_reported_with_its_place(path: str, text: str, found: list[str]) -> None:
    """Modules by any word of their names, public names as a whole."""
    assert offenders(Path(path), text) == found
