"""Fixtures shared with the applications' own tests."""

from tests.applications.conftest import database_address, place, running_slurm

__all__ = ["database_address", "place", "running_slurm"]
