"""The tests that documents name as proofs are there."""

import re
from pathlib import Path

import pytest

from tests.documents.blocks import DOCUMENTS, ROOT

PROOF = re.compile(r"`([\w/]+\.py)::(\w+)`")
FAULTS = ROOT / "docs" / "faults.md"


def rows(path: Path) -> list[list[str]]:
    """The cells of the rows of a document's tables."""
    lines = [line for line in path.read_text("utf-8").splitlines() if re.match(r"\| [A-Z]\d", line)]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def is_there(file: str, name: str) -> bool:
    """Whether a file in tests/ has a test."""
    path = ROOT / "tests" / file
    return path.is_file() and re.search(rf"^def {name}\(", path.read_text("utf-8"), re.MULTILINE) is not None


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_test_that_a_document_names_exists(path: Path) -> None:
    """As `directory/file.py::function` below tests/: whoever renames a test renames it there too."""
    named = PROOF.findall(path.read_text("utf-8"))

    assert [f"{file}::{name}" for file, name in named if not is_there(file, name)] == []


def test_each_fault_has_a_proof_or_a_word_why_not() -> None:
    """H01 to H54, each once, with what must hold."""
    faults = rows(FAULTS)

    assert [row[0] for row in faults] == [f"H{number:02}" for number in range(1, 55)]
    assert [row[0] for row in faults if len(row) != 4 or not all(row)] == []
    assert [row[0] for row in faults if not PROOF.search(row[3]) and "no test of its own" not in row[3]] == []


def test_each_chapter_of_the_standard_is_assessed() -> None:
    """V1 to V17 of ASVS 5.0, each with tests, or with what is not met or does not apply."""
    groups = [row for row in rows(ROOT / "docs" / "security.md") if row[0].startswith("V")]

    assert {int(row[0][1:].split()[0].split(".")[0].rstrip(",")) for row in groups} == set(range(1, 18))
    honest = re.compile(r"not met|oes not apply")
    assert [row[0] for row in groups if not PROOF.search(row[3]) and not honest.search(row[3])] == []
