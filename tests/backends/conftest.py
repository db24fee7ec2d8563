"""Fixtures shared with the applications' own tests."""

from tests.applications.conftest import database_address, place

__all__ = ["database_address", "place"]
