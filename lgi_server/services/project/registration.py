"""Registration of resources and project servers."""

import ssl
from dataclasses import dataclass

from lgi_protocol import comma_lists, common_name
from lgi_protocol.states import State
from lgi_server.auth import client_certificate
from lgi_server.db.transaction import Transaction
from lgi_server.services.access import resource_sessions
from lgi_server.services.jobs import locking, losses
from lgi_server.services.project import recorded_changes
from lgi_server.services.project.recorded_changes import AdministrationError
from lgi_server.tables import active_resources, updates
from lgi_server.tables import running_sessions as session_table
from lgi_server.tables.active_resources import MASTER, NO_SERVER, SLAVE
from lgi_server.tables.job_queue import positions


@dataclass(frozen=True)
class NewResource:
    """A resource or project server to register, with its certificate (PEM)."""

    name: str
    url: str
    certificate: str
    project_server: int = NO_SERVER


def add_resource(transaction: Transaction, new: NewResource, servers: str) -> int:
    """Register a resource or server; return the version of the update. Raises AdministrationError.

    Nothing changes when it is registered so already, as after an answer that was lost: the latest version.
    """
    name = recorded_changes.check_name(new.name)
    der = client_certificate.der_of(new.certificate)
    if name == comma_lists.ANY:
        raise AdministrationError("a resource cannot be called any")
    if not common_name.is_resource_name(name):
        raise AdministrationError(
            f"{name!r} is not user@host, nor the full name of a host, as resources are called"
        )
    if not der:
        raise AdministrationError("the certificate file holds no PEM certificate")
    if (holder := client_certificate.read(der).name.name) != name:
        raise AdministrationError(f"the certificate is for {holder!r}, not for {name!r}")
    if new.project_server not in {NO_SERVER, MASTER, SLAVE}:
        raise AdministrationError("the project server flag is 0 (resource), 1 (master) or 2 (slave)")
    if new.project_server == MASTER and recorded_changes.masters(transaction):
        raise AdministrationError(
            f"{recorded_changes.masters(transaction)[0]} is the master already, a project has exactly one"
        )
    held = active_resources.named(transaction, name)
    if held and recorded_changes.is_meant(transaction, servers):
        kept = (client_certificate.der_of(held.client_certificate), held.url, held.project_server)
        if kept == (der, new.url, new.project_server):
            return updates.newest(transaction)
        raise AdministrationError(f"{name} is registered already: delete it first")
    # Whatever else is in the file, as a private key, is neither stored nor sent to other servers.
    pem = ssl.DER_cert_to_PEM_cert(der)
    change = active_resources.add(name, recorded_changes.check_line(new.url), pem, new.project_server)
    # A project needs its master: its registration cannot be undone.
    undo = [] if new.project_server == MASTER else [active_resources.remove(name)]
    return recorded_changes.make(transaction, change, servers, undo)


def excluded_projects(new: NewResource, project: str) -> tuple[str, ...]:
    """Return the projects that a certificate is for if the given one is not among them, else none.

    Its owner may call for these projects only.
    """
    der = client_certificate.der_of(new.certificate)
    if not der or (holder := client_certificate.read(der).name).allows_project(project):
        return ()
    return holder.projects or ()


def remove_resource(transaction: Transaction, name: str, servers: str, now: int) -> int:
    """Remove a resource, its sessions and locks; return the version of the update.

    Its running jobs are queued again with the targets they were submitted with; aborting ones are aborted.
    Raises AdministrationError when it is not registered.
    """
    found = active_resources.named(transaction, name)
    is_meant = recorded_changes.is_meant(transaction, servers)
    if found is None and is_meant:
        raise AdministrationError(f"no resource is called {name!r}: see ManageDB list resources allowed")
    if recorded_changes.masters(transaction) == [name]:
        raise AdministrationError(f"{name} is the project's master server and cannot be removed")
    if found is not None and is_meant:
        for session_id in session_table.of_resource(transaction, found.resource_id):
            resource_sessions.sign_off(transaction, session_id)
        for job_id in positions.jobs_on_resource(transaction, name):
            _give_up(transaction, job_id, name, now)
    undo = (
        [active_resources.add(name, found.url, found.client_certificate, found.project_server)]
        if found is not None
        else []
    )
    return recorded_changes.make(transaction, active_resources.remove(name), servers, undo)


def _give_up(transaction: Transaction, job_id: int, resource: str, now: int) -> None:
    job, _lock = locking.lock_row(transaction, job_id)
    state = State.ABORTED if job.state == State.ABORTING else State.QUEUED
    losses.change_lost(transaction, job, state, f"{resource} was removed", now)
