"""What the files of certificates are called, for the programs that make them and those that look for them."""

from urllib.parse import quote


def file_stem(name: str) -> str:
    """The file name of an entity, without suffix: as it is where that is safe, ``%XX`` for the rest.

    Two names never share a file. Raises ValueError for the name of the CA's own files.
    """
    if name.lower() == "ca":
        raise ValueError(f"{name!r} is the name of the CA's own files: choose another")
    stem = quote(name, safe="@+")
    if stem[0] in ".-":
        stem = f"%{ord(stem[0]):02X}{stem[1:]}"
    return stem
