"""The image of this commit, and machines that boot it."""

import os

import pytest

from tests.conftest import lacking
from tests.vm import image as images
from tests.vm.image import Image


@pytest.fixture(scope="session")
def image() -> Image:
    """A Debian with the packages of this commit; only root can make it."""
    if os.geteuid() != 0:
        lacking("root")
    if what := images.missing():
        lacking(what)
    return images.build()
