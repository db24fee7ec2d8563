"""The server's answers, made by its own `Answers` from the values of a recorded one."""

import re
from pathlib import Path

from lgi_protocol import comma_lists
from lgi_protocol.xml import Element
from lgi_server.api import project_elements
from lgi_server.api.responses import Elements, ResponseBuilder
from lgi_server.api.specifics import without_repository
from lgi_server.config.model import Config, ProjectConfig
from lgi_server.resources import locks
from lgi_server.services.access.principals import ProjectServers, UserPrincipal
from lgi_server.storage.repository import StoredFile
from lgi_server.tables.active_resources import MASTER, NO_SERVER, SLAVE, ResourceRow
from lgi_server.tables.job_queue.jobs import JobRow
from lgi_server.tables.running_locks import Lock
from tests.support import golden
from tests.support.golden import Tree

NOWHERE = Path("/nowhere")


class Store:
    """Repositories that hold what the recorded ones held."""

    def __init__(self, recorded: Tree) -> None:
        self.server = recorded.value("this_project_server")
        self.jobs = [one for one in recorded.children if one.name == "job"]

    def content(self, name: str) -> list[StoredFile]:
        found = next(job for job in self.jobs if name in job.value("job_specifics", "repository"))
        return [_stored(one) for one in found.child("repository_content").children if one.name == "file"]

    def location(self, name: str, server_name: str) -> str:
        return f"{server_name}:/srv/LGI/repository/{name[-3:]}/{name}"

    def url(self, name: str) -> str:
        return f"{self.server}/repository/{name[-3:]}/{name}"


def _stored(file: Tree) -> StoredFile:
    seconds, _, fraction = file.value("date").partition(".")
    return StoredFile(
        file.value("file_name"), int(file.value("size")), int(seconds) * 10**9 + int(fraction[:9])
    )


def answer(call: str, recorded: Tree) -> Elements:
    """The elements of the response to a call."""
    project = ProjectConfig("LGI", "sqlite:LGI.sqlite", "LGI@localhost")
    config = Config(
        url=recorded.value("this_project_server"),
        listen="127.0.0.1:443",
        server_certificate=NOWHERE,
        server_key=NOWHERE,
        ca_certificate=NOWHERE,
        repository=NOWHERE,
        default_project="LGI",
        projects={"LGI": project},
    )
    answers = ResponseBuilder(config, project, Store(recorded))  # type: ignore[arg-type]
    write = _to_user if call.startswith("interface_") else _to_resource
    return answers.complete(write(call, answers, recorded), stored=False)


def _to_user(call: str, answers: ResponseBuilder, recorded: Tree) -> Elements:
    user = UserPrincipal(recorded.value("user"), comma_lists.split(recorded.value("groups")))
    servers = _servers(recorded)
    if call == "interface_project_server_list":
        return (*answers.user_first_header(user, servers), *project_elements.slave_servers(servers))
    header = answers.user_header(user, servers)
    jobs = _jobs(recorded)
    if call == "interface_submit_job":
        return (*header, answers.details(jobs[0]))
    if call == "interface_delete_job":
        return (*header, Element("number_of_jobs", 1), answers.deleted(jobs[0]))
    if not any(one.name == "state" for one in recorded.children):
        return (*header, Element("number_of_jobs", 1), answers.details(jobs[0], 1))
    listed = _copied(recorded, "state", "application", "start", "limit", "number_of_jobs")
    return (*header, *listed, *answers.listed(jobs))


def _to_resource(call: str, answers: ResponseBuilder, recorded: Tree) -> Elements:
    resource, servers = _resource(recorded), _servers(recorded)
    session = recorded.value("session_id")
    if call in {"resource_signup_resource", "resource_signoff_resource"}:
        header = answers.resource_header(resource, servers)
        return (*header, *project_elements.slave_servers(servers), Element("session_id", session))
    header = answers.resource_header(resource, servers, int(session) if session else None)
    if call == "resource_request_work":
        head = _copied(recorded, "start", "limit", "owners")
        count = _copied(recorded, "application", "number_of_jobs")
        return (*head, *header, *count, *answers.offered(_jobs(recorded)))
    if call in {"resource_lock_job", "resource_unlock_job"}:
        return (*header, *_locked(recorded.child("lock")))
    if call == "resource_request_resource_data":
        data = recorded.child("requested_resource_data")
        return (*header, Element(data.name, _copied(data, *[one.name for one in data.children])))
    writers = {"resource_update_job": answers.updated, "resource_job_state": answers.state}
    return (*header, writers.get(call, answers.details)(_jobs(recorded)[0]))


def _copied(tree: Tree, *names: str) -> Elements:
    return tuple(Element(name, tree.value(name)) for name in names)


def _locked(lock: Tree) -> Elements:
    time_name = next(one.name for one in lock.children if one.name.endswith("lock_time"))
    numbers = {one.name: int(one.text) for one in lock.children}
    time = numbers.pop(time_name)
    return locks.lock_elements(Lock(lock_time=time, **numbers), time_name, time)


def _servers(recorded: Tree) -> ProjectServers:
    slaves = [one.text for one in recorded.children if one.name == "project_server"]
    master = _server("master", recorded.value("project_master_server"), MASTER)
    return ProjectServers(master, tuple(_server("slave", url, SLAVE) for url in slaves))


def _server(name: str, url: str, kind: int) -> ResourceRow:
    return ResourceRow(0, name, "", "", 0, kind, url)


def _resource(recorded: Tree) -> ResourceRow:
    capabilities = recorded.child("resource_capabilities")
    text = capabilities.text or golden.raw_inside(capabilities)
    url = recorded.value("resource_url")
    return ResourceRow(0, recorded.value("resource"), text, "", 0, NO_SERVER, url)


def _jobs(recorded: Tree) -> list[JobRow]:
    return [_job(one) for one in recorded.children if one.name == "job"]


def _job(tree: Tree) -> JobRow:
    inside = golden.raw_inside(tree.child("job_specifics"))
    place = re.search(r"JOB_[0-9a-f]{32}", tree.value("job_specifics", "repository_url"))
    lists_of = ("owners", "read_access", "write_access", "target_resources")
    return JobRow(
        job_id=int(tree.value("job_id")),
        state=tree.value("state"),
        application=tree.value("application"),
        **{name: comma_lists.split(tree.value(name)) for name in lists_of},
        job_specifics=without_repository(inside) if place else inside,
        lock_state=0,
        state_time_stamp=int(tree.value("state_time_stamp")),
        daemon_pulse=0,
        priority=0,
        repository=place.group() if place else "",
        input=bytes.fromhex(tree.value("input")),
        output=bytes.fromhex(tree.value("output")),
    )
