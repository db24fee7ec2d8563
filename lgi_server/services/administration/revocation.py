"""Revoked users: their next call is refused, with whatever certificate or token; their jobs still run.

The revocation is checked in the database at each call. It is not recorded for the other project servers,
which would refuse the statement; these get a rule that denies the user all applications.
"""

import logging

from lgi_protocol import comma_lists
from lgi_server.db.transaction import Transaction
from lgi_server.services.administration import administrators
from lgi_server.services.project import administration, recorded_changes
from lgi_server.services.project.recorded_changes import AdministrationError
from lgi_server.tables import administrators as administrator_table
from lgi_server.tables import api_tokens, revoked_users, submit_rules, update_undo
from lgi_server.tables.revoked_users import Revocation

log = logging.getLogger("lgi.administration")
_KIND, _RULE = "user", "denied"


def revoke(transaction: Transaction, user: str, reason: str, *, now: int, by: str, is_master: bool) -> int:
    """Revoke a user and all of their tokens; return the version of the update, 0 for none.

    On the master a rule denies the user all applications on all servers. Raises AdministrationError for the
    last administrator, and for a user who is revoked already.
    """
    name, text = recorded_changes.check_name(user), recorded_changes.check_line(reason)
    if name == comma_lists.ANY:
        raise AdministrationError("any cannot be revoked: give the name of a user")
    if revoked_users.has(transaction, name):
        raise AdministrationError(f"{name} is revoked already, nothing was changed")
    if administrator_table.has(transaction, name):
        administrators.remove(transaction, name)
    tokens = [token.token_id for token in api_tokens.of_user(transaction, name)]
    api_tokens.remove(transaction, tokens)
    is_denied = bool(submit_rules.listed(transaction, _KIND, _RULE, name, comma_lists.ANY))
    version = 0
    if is_master and not is_denied:
        version = administration.deny(transaction, _KIND, name, comma_lists.ANY, comma_lists.ANY)
        # The end of the revocation removes the rule: an undo would leave a user whose calls are refused.
        update_undo.delete(transaction, version)
    revoked_users.store(transaction, Revocation(name, now, by, text, denied=version > 0))
    log.warning("user %r was revoked by %r, with %d tokens", name, by, len(tokens))
    return version


def readmit(transaction: Transaction, user: str, *, is_master: bool) -> int:
    """End the revocation of a user, without its tokens; return the version of the update, 0 for none.

    Raises AdministrationError for a user who is not revoked.
    """
    name = recorded_changes.check_name(user)
    found = revoked_users.find(transaction, name)
    if found is None:
        raise AdministrationError(f"{name} is not revoked, nothing was changed")
    revoked_users.delete(transaction, name)
    is_denied = bool(submit_rules.listed(transaction, _KIND, _RULE, name, comma_lists.ANY))
    if not (is_master and found.denied and is_denied):
        return 0
    every = comma_lists.ANY
    version = administration.remove_rule(transaction, _KIND, _RULE, name, every, servers=every)
    update_undo.delete(transaction, version)
    return version
