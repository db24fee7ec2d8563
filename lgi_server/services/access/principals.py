"""Callers, and what their certificates allow (wire.md 5, ruling 1)."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from lgi_protocol import comma_lists
from lgi_protocol.common_name import CommonName
from lgi_protocol.errors import ErrorNumber, LGIError
from lgi_server.config.model import Config
from lgi_server.db.transaction import Transaction
from lgi_server.services.access.resource_cache import ResourceCache
from lgi_server.tables import active_resources, revoked_users
from lgi_server.tables.active_resources import MASTER, NO_SERVER, SLAVE, ResourceRow

if TYPE_CHECKING:
    from lgi_server.auth.client_certificate import ClientCertificate


@dataclass(frozen=True)
class ProjectServers:
    """The master server of a project, and its slaves."""

    master: ResourceRow
    slaves: tuple[ResourceRow, ...]


@dataclass(frozen=True)
class ResourcePrincipal:
    """A calling resource; ``session_time`` is the last use of its session in seconds, None without one."""

    resource: ResourceRow
    session_time: int | None
    servers: ProjectServers

    def check_session(self, session_id: int, oldest: int) -> None:
        """Raise LGIError NO_SESSION unless the caller has this session and has used it since ``oldest``."""
        if self.session_time is None or self.session_time < oldest:
            raise LGIError(ErrorNumber.NO_SESSION, str(session_id))


@dataclass(frozen=True)
class UserPrincipal:
    """A calling user, with the groups that count for the call."""

    name: str
    groups: tuple[str, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the caller in access lists: its own and its groups."""
        return comma_lists.unique((self.name, *self.groups))


def check_certificate(who: "ClientCertificate", config: Config) -> None:
    """Check a certificate before the form is read; LGIError CERTIFICATE or PROJECT_REFUSED.

    A user must not have the name of the administrators' group, since access lists have both.
    """
    if who.name.name == config.admin_group:
        why = f"{config.admin_group!r} is a group and cannot be the name of a user"
        raise LGIError(ErrorNumber.CERTIFICATE, why)
    if not any(who.name.allows_project(name) for name in config.projects):
        # The form is not read yet: which project was posted does not matter.
        allowed = comma_lists.join(who.name.projects or ())
        raise LGIError(ErrorNumber.PROJECT_REFUSED, f"it is for {allowed}, and this server has none of these")


def user(who: "ClientCertificate", name: str, groups: tuple[str, ...], config: Config) -> UserPrincipal:
    """Return the calling user, with those of the posted groups that the certificate allows.

    Raises LGIError USER_DIFFERS or GROUPS_REFUSED.
    """
    if name != who.name.name:
        raise LGIError(ErrorNumber.USER_DIFFERS, f"{name!r}, the certificate is for {who.name.name!r}")
    allowed = allowed_groups(who.name, groups, config)
    if not allowed:
        granted = comma_lists.join(comma_lists.unique((name, *(who.name.groups or ()))))
        raise LGIError(ErrorNumber.GROUPS_REFUSED, f"it is for {granted}")
    return UserPrincipal(name, allowed)


def user_of(who: "ClientCertificate", chosen: tuple[str, ...], config: Config) -> UserPrincipal:
    """Return the user of a page, with the certificate's groups and the ``chosen`` ones that it grants."""
    allowed = allowed_groups(who.name, chosen, config) if chosen else ()
    return UserPrincipal(who.name.name, comma_lists.unique((*who.name.certified_groups(), *allowed)))


def check_user(transaction: Transaction, name: str) -> None:
    """Raise LGIError CERTIFICATE for a user whom an administrator has revoked; the database is asked."""
    if revoked_users.has(transaction, name):
        raise LGIError(ErrorNumber.CERTIFICATE, message=f"An administrator has revoked the user {name}")


def may_choose_groups(name: CommonName, config: Config) -> bool:
    """Return whether a certificate grants groups that are not in it, except the administrators' (ruling 1).

    A certificate for ``any`` group does, and with ``open_groups`` in the configuration also one without
    groups.
    """
    return name.is_for_any_group or (name.groups is None and config.open_groups)


def allowed_groups(name: CommonName, posted: tuple[str, ...], config: Config) -> tuple[str, ...]:
    """Return those of the posted groups that a certificate grants, in their order.

    ``any`` is not the name of a group. If nothing else is granted it stands for the user's own name, since
    configurations of old programs have it, for certificates of any group.
    """
    certified, open_to_all = name.certified_groups(), may_choose_groups(name, config)
    allowed = tuple(
        group
        for group in posted
        if group in certified or (open_to_all and group not in {config.admin_group, comma_lists.ANY})
    )
    if not allowed and name.is_for_any_group and comma_lists.ANY in posted:
        return (name.name,)
    return allowed


def project_name(who: "ClientCertificate", posted: str, config: Config) -> str:
    """Return the project of a call, the default one when none is posted.

    Raises LGIError PROJECT_REFUSED or PROJECT_UNKNOWN.
    """
    name = posted or config.default_project
    if not who.name.allows_project(name):
        raise LGIError(ErrorNumber.PROJECT_REFUSED, name)
    if name not in config.projects:
        raise LGIError(ErrorNumber.PROJECT_UNKNOWN, name)
    return name


def resource(
    transaction: Transaction, who: "ClientCertificate", cache: ResourceCache, session_id: int = 0
) -> ResourcePrincipal:
    """Return the calling resource and the last use of its session.

    The database is asked each time whether the resource exists and is drained, and again before a refusal
    because of a cached row. Raises LGIError RESOURCE_UNKNOWN, CERTIFICATE, or MASTER unless the project has
    exactly one master.
    """
    # Late: with cryptography, which the scheduler does not need.
    from lgi_server.auth import client_certificate

    row = active_resources.with_session(transaction, who.name.name, session_id)
    if row is None:
        raise LGIError(ErrorNumber.RESOURCE_UNKNOWN, who.name.name)
    found = cache.resource(transaction, row.resource_id)
    if row.drained_since != found.drained_since or not client_certificate.matches_registered(
        found.client_certificate, who
    ):
        found = cache.reload(transaction, row.resource_id)
    if not client_certificate.matches_registered(found.client_certificate, who):
        raise LGIError(ErrorNumber.CERTIFICATE, "it is not the one registered for this resource")
    return ResourcePrincipal(found, row.session_time, recent_servers(transaction, cache))


def project_server(
    transaction: Transaction, who: "ClientCertificate", cache: ResourceCache
) -> ResourcePrincipal:
    """Return the calling project server, with its role read from the database.

    Raises LGIError RESOURCE_UNKNOWN, CERTIFICATE or NOT_A_SERVER.
    """
    caller = resource(transaction, who, cache)
    current = cache.reload(transaction, caller.resource.resource_id)
    if current.project_server == NO_SERVER:
        raise LGIError(ErrorNumber.NOT_A_SERVER)
    return replace(caller, resource=current)


def servers(transaction: Transaction) -> ProjectServers:
    """Return the project's servers; LGIError MASTER unless exactly one of them is the master."""
    return _one_master(active_resources.servers(transaction))


def recent_servers(transaction: Transaction, cache: ResourceCache) -> ProjectServers:
    """Return the project's servers from the cache, for the header of an answer; LGIError MASTER."""
    return _one_master(cache.servers(transaction))


def servers_among(everyone: Sequence[ResourceRow]) -> ProjectServers:
    """Return the project's servers among all resources and servers; LGIError MASTER."""
    return _one_master([one for one in everyone if one.project_server in {MASTER, SLAVE}])


def _one_master(found: Sequence[ResourceRow]) -> ProjectServers:
    masters = [server for server in found if server.project_server == MASTER]
    if len(masters) != 1:
        raise LGIError(ErrorNumber.MASTER, f"{len(masters)} are registered")
    return ProjectServers(masters[0], tuple(server for server in found if server.project_server == SLAVE))
