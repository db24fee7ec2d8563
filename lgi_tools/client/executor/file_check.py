"""The program of a job that checks its files before one of them is run. It imports nothing of LGI.

It is part of the input of the job, which nobody can change, while a user with write access can replace the
files of a queued job. Its standard input has the digests of the files that were submitted. A module that was
not submitted is a fault too, since it could be imported instead of another one.
"""

import hashlib
import json
import os
import sys
from importlib.machinery import all_suffixes

CHANGED = 123


def main() -> int:
    """Return the exit code: 0, or 123 if the files are not those that were submitted."""
    said = fault(json.load(sys.stdin))
    if said:
        sys.stderr.write(
            f"the files of this job are not those that were submitted: {said}."
            " Nothing of them is run: see who has write access to the job, and submit it again\n"
        )
    return CHANGED if said else 0


def fault(digests: "dict[str, str]") -> str:
    """Return what is wrong with the files here, empty if all is right. Names are as in Python's source."""
    for name, digest in digests.items():
        try:
            if digest_of(name) != digest:
                return f"{name!a} has another content"
        except OSError as error:
            return f"{name!a} cannot be read ({error.strerror})"
    more = [name for name in modules() if name not in digests]
    return f"{more[0]!a} has been added, and could be imported" if more else ""


def digest_of(name: str) -> str:
    """Return the SHA-256 of a file in hexadecimal. Raises OSError."""
    digest = hashlib.sha256()
    with open(name, "rb") as file:
        while block := file.read(2**20):
            digest.update(block)
    return digest.hexdigest()


def modules() -> "list[str]":
    """Return the files below this directory that Python can import from here, also compiled ones."""
    suffixes, found = tuple(all_suffixes()), []
    for directory, inner, names in os.walk("."):
        inner[:] = [name for name in inner if name.isidentifier()]
        found += [
            os.path.normpath(os.path.join(directory, name)) for name in names if name.endswith(suffixes)
        ]
    return found


if __name__ == "__main__":
    sys.exit(main())
