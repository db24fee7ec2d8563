"""The folders of a job's files: names with escaped slashes are paths, on the page and in the archive."""

import io
import zipfile
from pathlib import Path

import pytest

from lgi_server.basic_interface import file_tree
from lgi_server.storage.repository import StoredFile
from tests.support.grid import Grid
from tests.support.pages import Browser

pytestmark = pytest.mark.one_database
HOSTILE = "<script>alert(1)<%2Fscript>%2Fx"


def stored(grid: Grid, *names: str) -> int:
    """A job with these files."""
    grid.resource()
    job_id = grid.user().submit()
    (row,) = grid.rows("SELECT repository FROM job_queue WHERE job_id = %s", job_id)
    place = grid.config.repository / str(row["repository"])[-3:] / str(row["repository"])
    for name in names:
        Path(place / name).write_bytes(b"12345")
    return job_id


def test_files_are_shown_in_their_folders(grid: Grid) -> None:
    """Each folder opens, and says how many files it has; a name that is no path stays as it is."""
    job_id = stored(
        grid, "top.txt", "a%2Fb%2Fdeep.txt", "a%2Fone.txt", "100%25.txt", "..%2Fup", "a%2F%2Fb", HOSTILE
    )

    page = Browser(grid).get(f"jobs/{job_id}")

    folders = {
        " ".join(one.xpath("./summary")[0].text_content().split()): [
            link.text_content() for link in one.xpath("./table//th/a")
        ]
        for one in page.tree.xpath("//details[contains(@class, 'folder')]")
    }
    top = [one.text_content() for one in page.tree.xpath("//section[@id='file-list']/table//th/a")]
    assert folders == {
        "a/ 2 files, 10 B": ["one.txt"],
        "b/ 1 file, 5 B": ["deep.txt"],
        "<script>alert(1)</ 1 file, 5 B": [],
        "script>/ 1 file, 5 B": ["x"],
    }
    assert top == ["..%2Fup", "100%.txt", "a%2F%2Fb", "top.txt"]
    assert page.tree.xpath("//script[not(@src)]") == []
    (link,) = [link for link in page.links() if "deep.txt" in link and "view" in link]
    assert "12345" in Browser(grid).get(f"https://localhost:{grid.port}{link}").text


def test_the_archive_has_the_folders(grid: Grid) -> None:
    """As on the page; nothing in it leaves the directory into which it is unpacked."""
    job_id = stored(grid, "a%2Fb%2Fdeep.txt", "..%2Fup", "%2Fetc%2Fx", "top.txt", "1%25", "1%")

    data = Browser(grid).get(f"jobs/{job_id}/files.zip").answer.content

    names = zipfile.ZipFile(io.BytesIO(data)).namelist()
    inner = sorted(name.partition("/")[2] if name.startswith("job") else name for name in names)
    assert inner == ["%2Fetc%2Fx", "..%2Fup", "1%", "1%25", "a/b/deep.txt", "top.txt"]


def test_folders_have_a_depth() -> None:
    """A name of many slashes does not make a page of many levels."""
    name = "%2F".join(["d"] * 60)

    place, depth = file_tree.tree([StoredFile(name, 1, 0)]), 0
    while place.folders:
        (place,) = place.folders.values()
        depth += 1

    assert depth == file_tree.MOST_DEPTH
    assert place.number == 1
