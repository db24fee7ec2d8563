"""The manual pages that ``make man`` writes."""

import shutil
import subprocess
import sys
from importlib.metadata import distribution
from pathlib import Path

import pytest

from tests.conftest import lacking

pytestmark = pytest.mark.slow

MAKE = Path(__file__).parents[2] / "make" / "man.py"


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Each page by the name of its command."""
    directory = tmp_path_factory.mktemp("man")
    subprocess.run(
        [sys.executable, "-W", "ignore", MAKE, directory], check=True, capture_output=True, timeout=60
    )
    return {path.stem: path for path in directory.glob("man?/*")}


def shown(page: Path) -> tuple[str, str]:
    """What a person reads, on lines as long as paragraphs, and what the formatter complains of."""
    if shutil.which("groff") is None:
        lacking("groff")
    command = ["groff", "-man", "-ww", "-Tascii", "-P-c", "-rLL=3000n", page]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    text = done.stdout
    while "\b" in text:
        at = text.index("\b")
        text = text[: at - 1] + text[at + 1 :]
    return text, done.stderr


def test_every_command_has_a_page(pages: dict[str, Path]) -> None:
    """It is in section 1, or 8 for administrators; the formatter has no warnings."""
    assert set(pages) == {entry.name for entry in distribution("lgi").entry_points}
    assert pages["LGI_qsub"].name == "LGI_qsub.1"
    assert pages["LGI_daemon"].name == "LGI_daemon.8"
    for name in ("LGI_qsub", "LGI_certificates", "LGI_hash", "LGI_daemon", "ManageDB"):
        text, complaint = shown(pages[name])
        assert complaint == ""
        assert f"{name} - " in text


def test_a_page_says_what_the_help_says(pages: dict[str, Path]) -> None:
    """Options, paragraphs, lists, and where settings come from."""
    text, _ = shown(pages["LGI_filetransfer"])

    assert "-CA, --ca FILE" in text
    assert "\n       delete    remove FILES from the repository\n" in text
    assert "~/.LGI/defaultserver\n              LGI_DEFAULTSERVER\n" in text
    assert "LGI_qstat(1)" in text


def test_a_page_of_a_filter_is_its_help(pages: dict[str, Path]) -> None:
    """Its table of options keeps its lines."""
    text, _ = shown(pages["LGI_csv"])

    assert "LGI_csv - Prints the values of a list" in text
    assert "\n         -nle N   -n, -l and -e together\n" in text


def test_the_commands_of_a_command_are_on_its_page(pages: dict[str, Path]) -> None:
    """Each is listed with its options."""
    text, _ = shown(pages["LGI_certificates"])

    assert "LGI_certificates user [OPTIONS] NAME" in text
    assert "--group" in text


def test_a_command_of_several_words_is_on_its_page(pages: dict[str, Path]) -> None:
    """It has all words, its options and its example; commands that only refuse are left out."""
    text, complaint = shown(pages["ManageDB"])

    assert complaint == ""
    assert "ManageDB add users allowed [OPTIONS] [PROJECT]" in text
    assert "ManageDB del groups share --name carl@desk" in text
    assert "resources denied" not in text
