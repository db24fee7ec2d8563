"""The tests of repositories in an object store, with OpenStack Swift and its API of S3."""

import pytest

from tests.server.test_object_store import *  # noqa: F403
from tests.support.swift import PrivateSwift


@pytest.fixture(scope="module")
def store_url(store: PrivateSwift) -> str:
    """The address of the store."""
    return store.url
