"""File names of certificates and keys."""

from urllib.parse import quote


def file_stem(name: str) -> str:
    """Return the file name of an entity without suffix; unsafe characters are written as ``%XX``.

    Different names give different files. Raise ValueError for ``ca``, the name of the CA's own files.
    """
    if name.lower() == "ca":
        raise ValueError(f"{name!r} is the name of the CA's own files: choose another")
    stem = quote(name, safe="@+")
    if stem[0] in ".-":
        stem = f"%{ord(stem[0]):02X}{stem[1:]}"
    return stem
