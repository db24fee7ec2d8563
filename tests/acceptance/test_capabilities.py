"""Capabilities are shown as they were written, though daemons escape them on the wire (clients.md 4.6)."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from lgi_protocol import capabilities, xml
from tests.acceptance.test_commands import home  # noqa: F401 - a fixture
from tests.support.grid import BIN, Grid
from tests.support.manage_db import manage
from tests.support.pages import Browser

WRITTEN = "<images> psi4:1.5 </images> <note> 3 < 4 & 'so' </note>"
ON_THE_WIRE = f"<command> {xml.escape(WRITTEN)} </command> <hello_world> <cpus> 4 </cpus> </hello_world>"
SHOWN = f"<command> {WRITTEN} </command> <hello_world> <cpus> 4 </cpus> </hello_world>"


def qstat(home: Path, *words: str) -> str:  # noqa: F811
    """What LGI_qstat prints."""
    ran = subprocess.run(
        [BIN / "LGI_qstat", *words],
        env={"HOME": str(home), "PATH": os.environ["PATH"]},
        cwd=home,
        capture_output=True,
        text=True,
        check=True,
    )
    return ran.stdout


@pytest.fixture
def told(grid: Grid, home: Path) -> Grid:  # noqa: F811
    """A resource with such capabilities."""
    grid.resource("res1@cluster", ON_THE_WIRE)
    return grid


def test_commands_show_capabilities_as_they_were_written(told: Grid, home: Path) -> None:  # noqa: F811
    """LGI_qstat -L and --json show them unescaped; -x prints the answer unchanged."""
    (resource,) = json.loads(qstat(home, "-L", "--json"))["resources"]

    assert f"Resource capabilities : {SHOWN}\n" in qstat(home, "-L")
    assert resource["resource_capabilities"] == SHOWN
    assert ON_THE_WIRE in qstat(home, "-L", "-x")


def test_managedb_shows_capabilities_as_they_were_written(told: Grid) -> None:
    """The table and JSON have them unescaped, XML as other programs parse them."""
    listed = {
        form: manage(told, "list", "resources", "allowed", "--format", form).stdout
        for form in ("table", "json", "xml")
    }

    assert SHOWN in listed["table"]
    assert SHOWN in {row["resource_capabilities"] for row in json.loads(listed["json"])}
    assert ON_THE_WIRE in listed["xml"]


def test_pages_show_capabilities_as_they_were_written(told: Grid) -> None:
    """A browser shows the text, and treats no part of it as HTML."""
    page = Browser(told).get("resources")

    assert [text.strip() for text in page.tree.xpath("//pre/text()")] == [SHOWN]


@pytest.mark.parametrize(
    "text",
    ["", "no tag at all", "<a> &lt;b&gt; </a", "<a> <b> &lt;c&gt; </b> </a>", "<a/> <!-- c --> &lt;", "</a>"],
)
def test_capabilities_that_no_daemon_has_escaped_stay_as_they_are(text: str) -> None:
    """Text outside of elements, nested elements and truncated text do not change."""
    assert capabilities.readable(text) == text


def test_a_document_type_is_no_reason_to_fail() -> None:
    """An administrator may have written it into the database; it is shown unchanged."""
    assert capabilities.readable("<!DOCTYPE a> <a> &lt;b&gt; </a>") == "<!DOCTYPE a> <a> &lt;b&gt; </a>"
