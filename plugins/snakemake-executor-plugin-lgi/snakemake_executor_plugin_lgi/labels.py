"""The labels by which a later run of Snakemake finds the jobs of an earlier one."""

import hashlib
import os
from collections.abc import Iterable

# The directory of the workflow, the command, the files that a job makes, its rule.
WORKFLOW, COMMAND, OUTPUT, RULE = "snakemake-workflow", "snakemake-command", "snakemake-output", "rule"
_LONGEST = 90


def digest_of(words: Iterable[str]) -> str:
    """Return 32 hexadecimal digits for some words, in this order."""
    text = "\0".join(words)
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:32]


def workflow_key() -> str:
    """Return the label of all jobs of this directory."""
    return digest_of([os.path.realpath(".")])


def printable(text: str, longest: int = _LONGEST) -> str:
    """Return a text as LGI takes it for a name: on one line, of limited length."""
    line = "".join(char if char.isprintable() else " " for char in text)
    return line.encode("utf-8", "replace")[:longest].decode("utf-8", "ignore").strip() or "job"
