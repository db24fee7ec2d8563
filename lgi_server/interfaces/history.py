"""The calls by which users read the history of jobs, and usage: wire.md 7, ours."""

from lgi_protocol import comma_lists, hexcode
from lgi_protocol.errors import ErrorNumber, LGIError
from lgi_protocol.xml import Element
from lgi_server.api import fields
from lgi_server.api.context import InterfaceContext
from lgi_server.api.job_elements import named
from lgi_server.api.responses import Elements
from lgi_server.services.jobs import history
from lgi_server.tables import job_retries, job_usage
from lgi_server.tables.job_retries import Try

MOST = 4096


def interface_job_history(call: InterfaceContext) -> Elements:
    """Return the changes of a job's state, the oldest first, also of a deleted job."""
    job_id = call.form.number(fields.JOB_ID)
    shown = call.form.names(fields.SHOW)
    changes = history.of_job(call.transaction, call.user, job_id, call.runtime.config)
    listed = (
        Element(
            "change",
            (
                Element("time", change.change_time),
                Element("old_state", change.old_state),
                Element("new_state", change.new_state),
                Element("changed_by", change.changed_by),
                Element("reason", change.reason),
                Element("application", change.application),
                Element("owners", comma_lists.join(change.owners)),
                Element("target_resources", comma_lists.join(change.target_resources)),
                *named(change, shown),
            ),
            number,
        )
        for number, change in enumerate(changes, 1)
    )
    tries = job_retries.tries(call.transaction, job_id) if "tries" in shown else ()
    counted = (Element("job_id", job_id), Element("number_of_changes", len(changes)))
    return (*call.header(), *counted, *listed, *map(_try, tries))


def _try(one: Try) -> Element:
    """Return a try that has failed and was followed by another, with the end of its output."""
    values = (
        ("started", one.started),
        ("ended", one.ended),
        ("state", one.state),
        ("exit_code", one.exit_code),
        ("exit_signal", one.exit_signal),
        ("end_reason", one.end_reason or None),
        ("target_resources", one.resource),
        ("output", hexcode.encode(one.output)),
        *vars(one.usage).items(),
    )
    return Element("try", tuple(Element(name, text) for name, text in values if text is not None), one.number)


def interface_usage(call: InterfaceContext) -> Elements:
    """Return the usage of the caller or of the caller's groups; for administrators that of all."""
    kind = call.form.line(fields.USAGE_KIND) or "user"
    by = call.form.names(fields.USAGE_BY) or ("month", "name")
    if kind not in {"user", "group"}:
        raise LGIError(ErrorNumber.STATE, message=f"kind is user or group, not {kind!r}")
    for column in by:
        if column not in job_usage.COLUMNS:
            raise LGIError(
                ErrorNumber.STATE, message=f"by is a list of {comma_lists.join(job_usage.COLUMNS)}"
            )
    month = call.form.number_or(fields.USAGE_MONTH, 0)
    own = (call.user.name,) if kind == "user" else call.user.groups
    names = () if call.runtime.config.admin_group in call.user.groups else own
    found = job_usage.listed(call.transaction, kind, names, by, month=month, limit=MOST)
    listed = (
        Element(
            "usage",
            (
                *(Element(column, value) for column, value in columns.items()),
                Element("jobs", used.jobs),
                Element("seconds", used.seconds),
            ),
            number,
        )
        for number, (columns, used) in enumerate(found, 1)
    )
    return (*call.header(), Element("kind", kind), Element("number_of_usages", len(found)), *listed)
