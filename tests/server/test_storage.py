"""The application file_storage: a job of it stores files at a resource, or at the server itself."""

import pytest

from tests.server.test_repository import ask, listing
from tests.server.test_resource_calls import refusal
from tests.support.grid import SERVER_NAME, Grid

pytestmark = pytest.mark.one_database

STORAGE = "<file_storage> </file_storage>"
REFERENCE = b"https://store.example.org/?data=5b0c2f"


def test_a_storage_job_ends_when_its_data_are_stored(grid: Grid) -> None:
    """It is submitted, locked and finished as any other job; its output is the address of the data."""
    store = grid.resource("store@cluster", STORAGE)
    user = grid.user()
    reply = user.post("interface_submit_job", application="file_storage", target_resources="any")
    job_id, url = reply.value("job", "job_id"), reply.value("job", "job_specifics", "repository_url")
    ask(user, "PUT", f"{url}/data", b"\x00data\xff")

    (offered,) = store.request_work("file_storage", 0, 10).jobs
    session = store.client.session
    taken = session.get(f"{url}/data", verify=session.verify).content
    store.update(job_id, state="running", target_resources="store@cluster")
    store.update(job_id, state="finished", output=REFERENCE)
    session.delete(f"{url}/data", verify=session.verify)
    store.sign_off()

    assert (offered.job_id, taken) == (job_id, b"\x00data\xff")
    store.sign_up()
    assert store.request_work("file_storage", 0, 10).jobs == ()
    shown = user.post("interface_job_state", job_id=job_id)
    assert shown.value("job", "state") == "finished"
    assert bytes.fromhex(shown.value("job", "output")) == REFERENCE


def test_the_reference_is_for_the_owner_alone(grid: Grid) -> None:
    """Another user sees neither the output nor the repository's name."""
    store = grid.resource("store@cluster", STORAGE)
    job_id = str(grid.user().submit(application="file_storage"))
    store.lock(job_id)
    store.update(job_id, state="running")
    store.update(job_id, state="finished", output=REFERENCE)
    store.unlock(job_id)
    stranger = grid.user("frank@desk", ("chem",))

    assert stranger.refusal("interface_job_state", job_id=job_id) == 34
    assert stranger.post("interface_job_state").number("number_of_jobs") == 0


def test_a_store_can_tell_that_a_job_is_gone(grid: Grid) -> None:
    """Error 15 for the job and HTTP 404 for its repository show that the data can be deleted."""
    store = grid.resource("store@cluster", STORAGE)
    user = grid.user()
    reply = user.post("interface_submit_job", application="file_storage", target_resources="any")
    job_id, url = reply.number("job", "job_id"), reply.value("job", "job_specifics", "repository_url")
    there = ask(user, "GET", f"{url}/.LGI_repository_write_access").status_code

    user.delete(job_id)

    assert refusal(store.job_state, str(job_id)) == 15
    assert (there, ask(user, "GET", f"{url}/.LGI_repository_write_access").status_code) == (200, 404)


def test_the_server_is_the_store_when_it_says_so(grid: Grid) -> None:
    """With file_storage in the server's own capabilities the files stay as long as the job exists."""
    user = grid.user()
    fields = {"application": "file_storage", "target_resources": SERVER_NAME}
    before = user.refusal("interface_submit_job", **fields)
    grid.run("UPDATE active_resources SET resource_capabilities = %s WHERE project_server = 1", STORAGE)

    reply = user.post("interface_submit_job", **fields)
    url = reply.value("job", "job_specifics", "repository_url")
    put = ask(user, "PUT", f"{url}/data", b"kept")
    listed = listing(user, grid, url[-36:])
    got = ask(user, "GET", f"{url}/data")
    deleted = ask(user, "DELETE", f"{url}/data")

    assert before == 70
    assert (put.status_code, got.content, deleted.status_code) == (200, b"kept", 200)
    assert "<file_name> data </file_name> <size> 4 </size>" in listed
    assert reply.value("job", "target_resources") == SERVER_NAME
    assert user.state(reply.number("job", "job_id")) == "queued"
    # The server is listed as a server, not among the resources.
    assert user.post("interface_project_resource_list").number("number_of_resources") == 0
