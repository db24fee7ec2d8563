"""Fixtures shared with the tests of the applications and of the commands."""

from tests.acceptance.test_commands import home
from tests.applications.conftest import database_address

__all__ = ["database_address", "home"]
