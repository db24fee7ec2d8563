"""The changes of administrators: a question for what cannot be taken back easily, then the change."""

from lgi_protocol.errors import ErrorNumber, LGIError
from lgi_server.api.fields import SHORT, E, Field
from lgi_server.api.form import Form
from lgi_server.basic_interface.administration import pages
from lgi_server.basic_interface.administration.actions import ACTIONS, FIELDS, Action
from lgi_server.basic_interface.registry import Answer, PageContext, Redirect, Template
from lgi_server.services.administration import administrators
from lgi_server.services.administration.changes import Actor, Changes
from lgi_server.services.project import peers
from lgi_server.services.project.recorded_changes import AdministrationError

_ACTION = Field("action", SHORT, E.STATE_TOO_BIG, E.STATE, E.STATE)
CONFIRMED = "confirmed"


def ask_for_change(visit: PageContext) -> Answer:
    """Return the question whether to make the change that the address names; it changes nothing."""
    _check(visit)
    return _question(visit, _action(visit.query), visit.query)


def make_change(visit: PageContext) -> Answer:
    """Make the change that was posted, or ask whether to; LGIError MODIFY_REFUSED, or UPDATE with why not."""
    _check(visit)
    action = _action(visit.form)
    if action.is_asked and not visit.posted.get(CONFIRMED):
        return _question(visit, action, visit.form)
    who = visit.visitor
    server_name = who.server.config.projects[who.project].server_name
    changes = Changes(visit.transaction, Actor(who.user.name, "web interface"), server_name, visit.now)
    try:
        action.make(changes, visit.form)
    except AdministrationError as refused:
        raise LGIError(ErrorNumber.UPDATE, message=str(refused)) from None
    peers.tell_slaves(who.server.config, who.project, visit.transaction)
    return Redirect(f"administration/{action.page}?changed=1")


def form_again(visit: PageContext, refused: LGIError) -> Answer:
    """Return the page of the form with the error and what was typed; LGIError when there is none."""
    action = ACTIONS.get(visit.posted.get(_ACTION.name, ""))
    if action is None or refused.number == ErrorNumber.MODIFY_REFUSED:
        raise refused
    typed = {name: visit.posted.get(name, "") for name in (_ACTION.name, *FIELDS)}
    return pages.with_refusal(visit, action.page, refused, typed)


def _check(visit: PageContext) -> None:
    who = visit.visitor
    administrators.check(visit.transaction, who.who, who.server.config.admin_group)


def _action(form: Form) -> Action:
    name = form.line(_ACTION)
    if name not in ACTIONS:
        raise _ACTION.refusal(_ACTION.malformed, f"{name[:40]!r} is not something that is changed here")
    return ACTIONS[name]


def _question(visit: PageContext, action: Action, form: Form) -> Template:
    name = next(key for key, one in ACTIONS.items() if one is action)
    given = {key: text for key in FIELDS if (text := form.begin(Field(key, SHORT, E.STATE, E.STATE), 2**15))}
    what = pages.newest_change(visit) if action.page == "log" else {}
    values = {"action": action, "name": name, "given": given, "newest": what}
    return Template("basic_interface/change_question.html", values)
