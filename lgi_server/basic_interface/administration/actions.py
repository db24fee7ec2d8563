"""What administrators change on pages: each action, where it is shown, and what is said before it is done."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from lgi_server.api import admin_fields as fields
from lgi_server.api import admin_form
from lgi_server.api.form import Form
from lgi_server.services.administration.changes import Changes
from lgi_server.services.project.registration import NewResource

_EVERYWHERE = "any"


@dataclass(frozen=True)
class Action:
    """A change that ``make`` makes of a form; ``page`` shows what it changes.

    ``title`` names it. With a ``warning`` it is asked for first; ``reason``: the question has a field for it.
    """

    make: Callable[[Changes, Form], object]
    page: str
    title: str
    warning: str = ""
    reason: bool = False

    @property
    def is_asked(self) -> bool:
        """Whether a question comes first."""
        return bool(self.warning)


def _set_rule(changes: Changes, form: Form) -> None:
    kind, name, application = admin_form.kind_of(form), _rule_name(form), _application(form)
    if admin_form.one_of(form, fields.RULE, admin_form.RULES) == "denied":
        changes.deny(kind, name, application, servers=_EVERYWHERE)
    else:
        limit = admin_form.signed_number(form, fields.JOB_LIMIT)
        changes.allow(kind, name, application, limit, servers=_EVERYWHERE)


def _remove_rule(changes: Changes, form: Form) -> None:
    kind, rule = admin_form.kind_of(form), admin_form.one_of(form, fields.RULE, admin_form.RULES)
    changes.remove_rule(kind, rule, _rule_name(form), _application(form), servers=_EVERYWHERE)


def _set_urgent(changes: Changes, form: Form) -> None:
    limit = admin_form.signed_number(form, fields.URGENT_LIMIT)
    changes.allow_urgent(_name(form), limit, servers=_EVERYWHERE)


def _add_resource(changes: Changes, form: Form) -> None:
    new = NewResource(_name(form), form.line(fields.URL), form.text(fields.CERTIFICATE))
    changes.add_resource(new, servers=_EVERYWHERE)


def _set_share(changes: Changes, form: Form) -> None:
    changes.set_share(admin_form.kind_of(form), _name(form), form.line(fields.WEIGHT))


def _name(form: Form) -> str:
    return form.line(fields.NAME)


def _rule_name(form: Form) -> str:
    return form.line(fields.RULE_NAME)


def _application(form: Form) -> str:
    return form.line(fields.RULE_APPLICATION)


ACTIONS: Mapping[str, Action] = {
    "set_rule": Action(_set_rule, "rules", "Set a rule"),
    "remove_rule": Action(
        _remove_rule, "rules", "Remove the rule", "It is in force at once, on all servers of the project."
    ),
    "set_urgent": Action(_set_urgent, "rules", "Let a group have urgent jobs"),
    "remove_urgent": Action(
        lambda changes, form: changes.remove_urgent(_name(form), servers=_EVERYWHERE),
        "rules",
        "Let the group have no more urgent jobs",
        "Urgent jobs that it has keep their places.",
    ),
    "add_resource": Action(_add_resource, "resources", "Register a resource"),
    "remove_resource": Action(
        lambda changes, form: changes.remove_resource(_name(form), servers=_EVERYWHERE),
        "resources",
        "Remove the resource",
        "Its daemon is refused from now on, and the jobs that run there are queued again.",
    ),
    "drain": Action(
        lambda changes, form: changes.drain(_name(form), form.line(fields.REASON)),
        "resources",
        "Drain the resource",
        "It finishes the jobs that it has and gets no new ones from this server. Users see the reason.",
        reason=True,
    ),
    "resume": Action(
        lambda changes, form: changes.resume(_name(form)),
        "resources",
        "Resume the resource",
        "It gets jobs of this server again.",
    ),
    "set_share": Action(_set_share, "users", "Set a weight"),
    "remove_share": Action(
        lambda changes, form: changes.remove_share(admin_form.kind_of(form), _name(form)),
        "users",
        "Remove the weight",
        "The weight is 1 again, as everybody has.",
    ),
    "set_mail": Action(
        lambda changes, form: changes.set_mail(_name(form), form.line(fields.ADDRESS)),
        "users",
        "Set a mail address",
    ),
    "remove_mail": Action(
        lambda changes, form: changes.remove_mail(_name(form)),
        "users",
        "Remove the mail address",
        "The user is sent no notifications, unless the certificate has an address.",
    ),
    "add_administrator": Action(
        lambda changes, form: changes.add_administrator(_name(form)), "users", "Add an administrator"
    ),
    "remove_administrator": Action(
        lambda changes, form: changes.remove_administrator(_name(form)),
        "users",
        "Remove the administrator",
        "The user can change nothing here any more, and still sees all jobs with the administrators' group.",
    ),
    "revoke": Action(
        lambda changes, form: changes.revoke(_name(form), form.line(fields.REASON)),
        "users",
        "Revoke the user",
        "This server refuses all calls of the user from the next one on, and all tokens are revoked for good;"
        " jobs that are queued still run. On all servers the user is denied all applications.",
        reason=True,
    ),
    "readmit": Action(
        lambda changes, form: changes.readmit(_name(form)),
        "users",
        "Readmit the user",
        "The calls of the user are answered again; the tokens stay revoked.",
    ),
    "revoke_token": Action(
        lambda changes, form: changes.revoke_token(form.number(fields.TOKEN_ID)),
        "users",
        "Revoke the token",
        "Programs that use it are refused from their next call on. It cannot be taken back.",
    ),
    "undo": Action(
        lambda changes, form: changes.undo(form.number(fields.VERSION)),
        "log",
        "Take back the newest change",
        "What it does is recorded for all servers, and cannot be taken back itself.",
    ),
}
# The fields that the forms of actions have.
FIELDS = (
    *("kind", "rule", "name", "application", "job_limit", "weight", "url", "certificate", "reason"),
    *("version", "address", "token_id"),
)
