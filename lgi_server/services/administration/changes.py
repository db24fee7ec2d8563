"""All changes that administrators make: each is checked, made and logged in one transaction."""

from collections.abc import Callable
from dataclasses import dataclass

from lgi_server.db.transaction import Transaction
from lgi_server.services.access import tokens
from lgi_server.services.administration import administrators, revocation
from lgi_server.services.project import (
    administration,
    mail_addresses,
    recorded_changes,
    registration,
    resource_drain,
    share_weights,
    urgent_rights,
)
from lgi_server.services.project.recorded_changes import AdministrationError
from lgi_server.services.project.registration import NewResource
from lgi_server.tables import administration_log, api_tokens, event_queue
from lgi_server.tables.administration_log import LogEntry


@dataclass(frozen=True)
class Actor:
    """Who makes a change, and by which ``means``: a certificate, "token 12", "ManageDB"."""

    name: str
    means: str


@dataclass(frozen=True)
class Changes:
    """The changes of one administrator in a transaction, on this server at ``now``, in seconds.

    The caller has checked that it is an administrator (`administrators.check`). Each method raises
    AdministrationError for a change that is refused, and then nothing is changed.

    Methods that return a version record the change for all project servers, or for the ``servers`` in a
    comma list; they are refused on a slave. The others change this server alone.
    """

    transaction: Transaction
    actor: Actor
    server_name: str
    now: int

    def allow(self, kind: str, name: str, application: str, limit: int, *, servers: str) -> int:
        """Allow a "user" or "group" an application up to a limit, as `administration.allow`."""
        return self._recorded(
            f"allow {kind} {name}, application {application}, limit {limit}",
            lambda: administration.allow(self.transaction, kind, name, application, limit, servers=servers),
        )

    def deny(self, kind: str, name: str, application: str, *, servers: str) -> int:
        """Deny a "user" or "group" an application, as `administration.deny`."""
        return self._recorded(
            f"deny {kind} {name}, application {application}",
            lambda: administration.deny(self.transaction, kind, name, application, servers),
        )

    def remove_rule(self, kind: str, rule: str, name: str, application: str, *, servers: str) -> int:
        """Remove rules ("allowed" or "denied"), as `administration.remove_rule`."""
        return self._recorded(
            f"remove what is {rule} for {kind} {name or 'of every name'},"
            f" application {application or 'of every name'}",
            lambda: administration.remove_rule(
                self.transaction, kind, rule, name, application, servers=servers
            ),
        )

    def allow_urgent(self, group: str, limit: int, *, servers: str) -> int:
        """Set the number of urgent jobs that a group may have at once, as `urgent_rights.allow`."""
        return self._recorded(
            f"let group {group} have {limit} urgent jobs at once",
            lambda: urgent_rights.allow(self.transaction, group, limit, servers=servers),
        )

    def remove_urgent(self, group: str, *, servers: str) -> int:
        """Let a group have no more urgent jobs, as `urgent_rights.remove`."""
        return self._recorded(
            f"let group {group} have no more urgent jobs",
            lambda: urgent_rights.remove(self.transaction, group, servers=servers),
        )

    def add_resource(self, new: NewResource, *, servers: str) -> int:
        """Register a resource or project server, as `registration.add_resource`."""
        kind = {1: "master server", 2: "slave server"}.get(new.project_server, "resource")
        return self._recorded(
            f"register {kind} {new.name} at {new.url}",
            lambda: registration.add_resource(self.transaction, new, servers),
        )

    def remove_resource(self, name: str, *, servers: str) -> int:
        """Remove a resource; its running jobs are queued again, as `registration.remove_resource`."""
        return self._recorded(
            f"remove resource {name}",
            lambda: registration.remove_resource(self.transaction, name, servers, self.now),
        )

    def undo(self, version: int) -> list[int]:
        """Revert a change if it is still the newest one, as `administration.undo`."""
        made: list[int] = []

        def change() -> int:
            made.extend(administration.undo(self.transaction, version, self.now))
            return made[-1] if made else version

        self._recorded(f"take back update {version}", change)
        return made

    def set_share(self, kind: str, name: str, weight: str) -> None:
        """Set the weight of a "user" or "group" in fair share; the queue is ordered again."""
        share_weights.set_share(self.transaction, kind, name, weight)
        self._order()
        self._log(f"give {kind} {name} the weight {weight}")

    def remove_share(self, kind: str, name: str) -> None:
        """Give a "user" or "group" the weight that everybody has; the queue is ordered again."""
        share_weights.remove_share(self.transaction, kind, name)
        self._order()
        self._log(f"give {kind} {name} the weight that everybody has")

    def drain(self, name: str, reason: str) -> None:
        """Give a resource no new jobs, as `resource_drain.drain`."""
        resource_drain.drain(self.transaction, name, reason, self.now)
        self._log(f"drain resource {name}: {reason}" if reason else f"drain resource {name}")

    def resume(self, name: str) -> None:
        """Give a drained resource jobs again, as `resource_drain.resume`."""
        resource_drain.resume(self.transaction, name)
        self._log(f"resume resource {name}")

    def set_mail(self, user: str, address: str) -> None:
        """Set the mail address of a user, as `mail_addresses.set_address`."""
        mail_addresses.set_address(self.transaction, user, address)
        self._log(f"set the mail address of {user} to {address}")

    def remove_mail(self, user: str) -> None:
        """Remove the mail address of a user, as `mail_addresses.remove_address`."""
        mail_addresses.remove_address(self.transaction, user)
        self._log(f"remove the mail address of {user}")

    def add_administrator(self, user: str) -> None:
        """Add an administrator, as `administrators.add`."""
        name = administrators.add(self.transaction, user, self.now, self.actor.name)
        self._log(f"add administrator {name}")

    def remove_administrator(self, user: str) -> None:
        """Remove an administrator who is not the last one, as `administrators.remove`."""
        self._log(f"remove administrator {administrators.remove(self.transaction, user)}")

    def revoke(self, user: str, reason: str) -> int:
        """Revoke a user and all of their tokens, as `revocation.revoke`; on a slave for this server alone."""
        version = revocation.revoke(
            self.transaction,
            user,
            reason,
            now=self.now,
            by=self.actor.name,
            is_master=self._is_master(),
        )
        self._log(f"revoke user {user}: {reason}" if reason else f"revoke user {user}", version)
        return version

    def readmit(self, user: str) -> int:
        """End the revocation of a user, as `revocation.readmit`; on a slave for this server alone."""
        version = revocation.readmit(self.transaction, user, is_master=self._is_master())
        self._log(f"readmit user {user}", version)
        return version

    def revoke_token(self, token_id: int) -> None:
        """Revoke a token of whatever user or group: its next use is refused."""
        found = api_tokens.numbered(self.transaction, token_id)
        if found is None:
            raise AdministrationError(f"there is no token {token_id}, nothing was changed")
        tokens.revoke(self.transaction, found.user_name, [token_id])
        of_group = f", of group {found.group_name}" if found.group_name else ""
        self._log(f"revoke token {token_id} of {found.user_name}{of_group}")

    def _is_master(self) -> bool:
        try:
            recorded_changes.check_master(self.transaction, self.server_name)
        except AdministrationError:
            return False
        return True

    def _recorded(self, description: str, change: Callable[[], int]) -> int:
        recorded_changes.check_master(self.transaction, self.server_name)
        version = change()
        self._log(description, version)
        return version

    def _order(self) -> None:
        event_queue.insert(self.transaction, event_queue.SCHEDULE_CYCLE, self.now)

    def _log(self, description: str, version: int = 0) -> None:
        entry = LogEntry(0, self.now, self.actor.name, self.actor.means, description, version)
        administration_log.insert(self.transaction, entry)
