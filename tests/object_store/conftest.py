"""An object store that others have written: OpenStack Swift."""

from collections.abc import Iterator

import pytest

from tests.conftest import lacking
from tests.support import swift
from tests.support.swift import PrivateSwift


@pytest.fixture(scope="package")
def store() -> Iterator[PrivateSwift]:
    """The store, which lives as long as these tests."""
    if swift.missing():
        lacking(swift.missing())
    made = PrivateSwift()
    try:
        made.start()
        yield made
    finally:
        made.remove()
