"""The names of files in repositories: which can be one, and lead nowhere else."""

import pytest

from lgi_protocol.file_names import is_entry, is_path, is_reserved, is_valid

VALID = ("a", " ", "..z.txt", "...", ".hidden", "..%2f..%2fa.txt", "a\nb\tc", "ü" * 127, "a\\b", "LGI_x")
INVALID = ("", ".", "..", "a/b", "../a", "a\0", "a\r", "\x1b", "ü" * 128, "\ud800")


@pytest.mark.parametrize("name", VALID)
def test_dots_at_the_begin_of_a_name_lead_nowhere(name: str) -> None:
    """Whatever is one entry of a directory, short enough and printable, is a name."""
    assert (is_valid(name), is_entry(name), is_path(name)) == (True, True, True)


@pytest.mark.parametrize("name", INVALID)
def test_a_name_is_one_entry_of_a_directory(name: str) -> None:
    """Not the directory itself, the one above it, or one below; and an answer can list it."""
    assert not is_valid(name)


def test_a_path_leads_to_a_file_below_its_directory() -> None:
    """Each of its parts is an entry: neither empty nor dots."""
    good, bad = ("a", "a/..b/c"), ("", "/a", "a/", "a//b", "../a", "a/../b", "./a", "a/\0")

    assert [is_path(one) for one in (*good, *bad)] == [True] * len(good) + [False] * len(bad)


def test_names_of_the_server_are_reserved() -> None:
    """Those of its own files begin alike."""
    assert [is_reserved(one) for one in (".LGI_access", "LGI_x", "..LGI_x")] == [True, False, False]
