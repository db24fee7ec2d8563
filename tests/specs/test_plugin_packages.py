"""The packages of plugins/: what installing one of them fetches."""

import re
import tomllib
from pathlib import Path

import pytest

PLUGINS = sorted((Path(__file__).parents[2] / "plugins").glob("*/pyproject.toml"))


@pytest.mark.parametrize("description", PLUGINS, ids=lambda one: one.parent.name)
def test_a_plugin_asks_no_index_for_lgi(description: Path) -> None:
    """LGI is in no index of packages: one of its name there would be somebody else's."""
    project = tomllib.loads(description.read_text())["project"]
    needs = list(project["dependencies"])
    for extra in project["optional-dependencies"].values():
        needs += extra

    names = {re.split(r"[^\w.-]", need)[0].lower() for need in needs}

    assert not names & {"lgi", *(one.parent.name for one in PLUGINS)}


@pytest.mark.parametrize("description", PLUGINS, ids=lambda one: one.parent.name)
def test_a_plugin_is_installed_from_its_directory(description: Path) -> None:
    """Its name is in no index either."""
    text = (description.parent / "README.md").read_text()

    assert not re.search(rf"pip install {description.parent.name}\b", text)
