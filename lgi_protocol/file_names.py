"""The rule of the names of files in repositories (wire.md 8), the same in all programs."""

from lgi_protocol import common_name

# Bytes.
LONGEST = 255
# How the names of the server's own files begin.
RESERVED = ".LGI_"


def is_entry(name: str) -> bool:
    """Return whether a name is that of one entry of a directory, so that it leads nowhere else."""
    return name not in {"", ".", ".."} and "/" not in name and "\0" not in name


def is_path(path: str) -> bool:
    """Return whether a path leads to something below the directory in which it begins."""
    return all(map(is_entry, path.split("/")))


def is_valid(name: str) -> bool:
    """Return whether a file of a repository can have this name; it may be reserved."""
    # Half of a surrogate pair, which JSON may have, has no bytes.
    size = len(name.encode("utf-8", "surrogatepass"))
    is_whole = name.isascii() or not any("\ud800" <= char <= "\udfff" for char in name)
    return is_entry(name) and is_whole and is_listable(name) and size <= LONGEST


def is_listable(name: str) -> bool:
    """Return whether an answer can have a file's name: of control characters only LF and TAB are allowed.

    XML parsers turn a CR into LF.
    """
    return not common_name.has_control(name.replace("\n", "").replace("\t", ""))


def is_reserved(name: str) -> bool:
    """Return whether a file is the server's own."""
    return name.startswith(RESERVED)
