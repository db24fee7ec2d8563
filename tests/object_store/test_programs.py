"""Commands of users and a real daemon, with the files of jobs in OpenStack Swift: tests that they have.

Those that look at the disk of the server are left out.
"""

from collections.abc import Iterator

import pytest

from tests.acceptance.test_commands import (  # noqa: F401 - fixtures and tests
    home,
    test_the_commands_of_the_document_make_a_whole_session,
)
from tests.applications.conftest import images, place  # noqa: F401 - fixtures
from tests.applications.test_stage import (  # noqa: F401 - fixtures and tests
    test_a_fetch_goes_on_where_it_was_cut,
    test_an_outage_however_long_costs_no_job_and_no_result,
    test_files_are_fetched_before_a_job_and_results_stored_after_it,
    test_only_new_and_changed_files_are_sent,
    test_results_that_cannot_be_stored_are_tried_again_and_then_named,
    user,
)
from tests.applications.test_staging_by_daemon import (  # noqa: F401 - fixtures and tests
    staging,
    test_files_of_a_user_are_fetched_by_the_program,
)
from tests.applications.test_task import (  # noqa: F401 - fixtures and tests
    offered,
    test_a_folder_runs_in_its_container_and_comes_back,
    test_many_folders_come_back,
)
from tests.server.test_repository import test_readers_see_the_old_file_or_the_new_one  # noqa: F401
from tests.support import object_grid
from tests.support.grid import Grid, running
from tests.support.swift import PrivateSwift


@pytest.fixture(scope="module")
def far_grid(store: PrivateSwift, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Grid]:
    """A project server with its repositories in the store."""
    object_grid.make_bucket(store.url)
    with running(object_grid.grid_at(store.url, tmp_path_factory.mktemp("keys"))) as made:
        yield made


@pytest.fixture
def grid(far_grid: Grid) -> Grid:
    """The server, its project empty."""
    far_grid.clear()
    return far_grid
