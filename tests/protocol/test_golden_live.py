"""A running server of ours answers each call with the elements LGI 1.31.6 answered, in the same order."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from lgi_protocol import xml
from lgi_protocol.reply import Reply
from lgi_protocol.resource_api import ResourceCalls
from tests.support import golden
from tests.support.golden import Tree
from tests.support.grid import PROJECT, Grid, UserCalls, running


@pytest.fixture(scope="module")
def sqlite_grid() -> Iterator[Grid]:
    """One server for all calls; what it answers does not depend on the kind of database."""
    with running(Grid(), cleared=False) as made:
        yield made


@dataclass
class Callers:
    """A user, a resource that has signed up, and a queued job."""

    user: UserCalls
    resource: ResourceCalls
    job_id: str

    def call(self, name: str, **fields: str) -> Reply:
        """A call of the resource in its session."""
        usual = {"project": PROJECT, "session_id": self.resource.session_id}
        return self.resource.client.post(f"resources/{name}", usual | fields)

    def offered(self) -> Reply:
        """The job, offered and locked."""
        return self.call("resource_request_work", application="hello_world", limit="32")


@pytest.fixture
def callers(sqlite_grid: Grid) -> Callers:
    """An empty project with them."""
    sqlite_grid.clear()
    user, resource = sqlite_grid.user(), sqlite_grid.resource("res1@cluster")
    return Callers(user, resource, str(user.submit(job_specifics="<a> 1 </a>", input="6869")))


def locked(callers: Callers, name: str, **fields: str) -> Reply:
    """A call on the job while it is locked."""
    callers.resource.lock(callers.job_id)
    return callers.call(name, job_id=callers.job_id, **fields)


MADE: dict[str, Callable[[Callers], Reply]] = {
    "lifecycle-01_submit": lambda c: c.user.post(
        "interface_submit_job", application="hello_world", target_resources="any", job_specifics="<a> 1 </a>"
    ),
    "interface_job_state-ok_detail": lambda c: c.user.post("interface_job_state", job_id=c.job_id),
    "interface_job_state-ok_job_id_not_digits": lambda c: c.user.post("interface_job_state"),
    "interface_job_state-ok_count": lambda c: c.user.post("interface_job_state", limit="0"),
    "interface_delete_job-ok_admin": lambda c: c.user.delete(int(c.job_id)),
    "interface_project_server_list-ok_no_slaves": lambda c: c.user.post("interface_project_server_list"),
    "resource_signup_resource-ok": lambda c: c.call("resource_signup_resource"),
    "resource_signoff_resource-ok": lambda c: c.call("resource_signoff_resource"),
    "resource_request_work-ok_limit1": Callers.offered,
    "lifecycle-06_details": lambda c: locked(c, "resource_request_job_details"),
    "resource_lock_job-ok": lambda c: c.call("resource_lock_job", job_id=c.job_id),
    "lifecycle-07_unlock": lambda c: locked(c, "resource_unlock_job"),
    "lifecycle-05_update_running": lambda c: locked(c, "resource_update_job", state="running"),
    "resource_submit_job-ok_arbitrary_owners": lambda c: c.call(
        "resource_submit_job",
        application="hello_world",
        state="queued",
        owners="mark@laptop, theor",
        target_resources="any",
    ),
    "resource_job_state-ok": lambda c: c.call("resource_job_state", job_id=c.job_id),
}


# What LGI never said, and its programs read over (wire.md 6).
OURS = {"longest_wait", "exchange", "exchange_unnamed", "job_certificates"}


def shape(tree: Tree) -> tuple[object, ...]:
    """Names and numbers of elements; not what users and resources wrote, nor how many files there are."""
    if tree.name in golden.RAW | {"repository_content"}:
        return (tree.name,)
    children = (child for child in tree.children if child.name not in OURS)
    return (tree.name, tree.attributes, *(shape(child) for child in children))


@pytest.mark.parametrize("name", MADE)
def test_a_live_answer_has_the_recorded_shape(callers: Callers, name: str) -> None:
    """Element by element, in the same order."""
    recorded = next(one for one in golden.ANSWERS if one.name == name)

    reply = MADE[name](callers)

    found = golden.ours(xml.XmlElement("response", "", reply.content, 0, 0))
    assert shape(found) == shape(golden.response(recorded.response))


def test_a_live_envelope_has_the_recorded_elements(callers: Callers) -> None:
    """The four elements before the response, in their order."""
    recorded = xml.find(golden.ANSWERS[0].response, "LGI")
    reply = callers.user.post("interface_project_server_list")

    assert recorded is not None
    names = [[one.name for one in xml.elements(text)] for text in (reply.envelope, recorded.inside)]
    assert names[0] == names[1]
    assert reply.max_field_size == 65355


def test_a_resource_is_listed_with_name_capabilities_and_time(callers: Callers) -> None:
    """Project servers are not listed."""
    reply = callers.user.post("interface_project_resource_list")

    found = [[one.name for one in xml.elements(text)] for text in reply.all("resource")]
    assert found == [["resource_name", "resource_capabilities", "last_call_time"]]
    assert reply.number("number_of_resources") == 1
    assert reply.value("resource", "resource_name") == "res1@cluster"


@pytest.mark.slow
def test_another_resource_s_data_are_well_formed(callers: Callers) -> None:
    """resource_url is closed by its own name."""
    reply = callers.call("resource_request_resource_data", resource_name="res1@cluster")

    data = xml.find(reply.content, "requested_resource_data")
    assert data is not None
    names = [one.name for one in xml.elements(data.inside)]
    assert names == ["resource_name", "client_certificate", "resource_url", "last_call_time"]
    pem = bytes.fromhex(xml.value(data.inside, "client_certificate"))
    assert pem.startswith(b"-----BEGIN CERTIFICATE-----\n")
