"""interface_explain_job (wire.md 7, ours): why a job does not run."""

from dataclasses import replace

from lgi_protocol import comma_lists
from lgi_protocol.xml import Element
from lgi_server.api import fields, job_elements, notification_elements, project_elements, responses
from lgi_server.api.context import InterfaceContext
from lgi_server.api.responses import Elements
from lgi_server.auth.api_token import Scope, TokenIdentity
from lgi_server.services.jobs import explanation
from lgi_server.services.jobs.explanation import Explanation, LicenceNeed
from lgi_server.services.jobs.verdicts import MESSAGES, Reason, ResourceVerdict
from lgi_server.services.jobs.wait_reasons import ResourceWait
from lgi_server.services.notifications.status import NotificationStatus
from lgi_server.tables.job_dependencies import Predecessor
from lgi_server.tables.job_queue.positions import MOST


def interface_explain_job(call: InterfaceContext) -> Elements:
    """Return why a job does not run, and a verdict on each resource; a lock on the job is not waited for."""
    job_id = call.form.number(fields.JOB_ID)
    found = explanation.explain(call.transaction, call.user, job_id, call.project.settings, call.now)
    told = notification_elements.notification(_told(call, found.notification))
    return (*call.header(), _job(found), Element("explanation", (*_explanation(found), *told)))


def _told(call: InterfaceContext, found: NotificationStatus | None) -> NotificationStatus | None:
    """Return what the user is told, without the key that signs it for a token that may only read."""
    may_change = not isinstance(call.who, TokenIdentity) or call.who.scopes & {Scope.SUBMIT, Scope.ADMIN}
    return found if found is None or may_change else replace(found, key="")


def _job(found: Explanation) -> Element:
    job = found.job
    return Element(
        "job",
        (
            Element("job_id", job.job_id),
            Element("state", job.state),
            Element("state_time_stamp", job.state_time_stamp),
            Element("application", job.application),
            Element("target_resources", comma_lists.join(job.target_resources)),
            *responses.end(job),
            *((Element("priority", job.user_priority),) if job.user_priority else ()),
            *((Element("deadline", job.deadline),) if job.deadline else ()),
            *((Element("urgent", job.urgent_group),) if job.urgent_group else ()),
        ),
    )


def _message(found: Explanation) -> str:
    end = f": {found.job.end.text(found.job.state)}" if found.reason is Reason.ENDED else ""
    return f"{MESSAGES[found.reason]}{end}"


def _explanation(found: Explanation) -> Elements:
    locked: Elements = ()
    if found.locked_by:
        locked = (Element("locked_by", found.locked_by), Element("locked_since", found.locked_since))
    queue: Elements = ()
    if found.verdicts or found.before:
        more = (Element("more_before", 1),) if found.before >= MOST else ()
        queue = (Element("jobs_before", found.before), *more)
    return (
        Element("reason", found.reason.value),
        Element("message", _message(found)),
        *_resource_wait(found.resource_wait),
        *job_elements.holds(found.job),
        *((Element("number_of_after", found.count_of_waits),) if found.waits else ()),
        *map(_predecessor, found.waits),
        *locked,
        *queue,
        Element("number_of_licences", len(found.needs)),
        *(_licence(need, number) for number, need in enumerate(found.needs, 1)),
        Element("number_of_resources", len(found.verdicts)),
        *(_resource(one, number) for number, one in enumerate(found.verdicts, 1)),
    )


def _resource_wait(one: ResourceWait | None) -> Elements:
    if one is None:
        return ()
    parts = (
        Element("resource_name", one.resource),
        Element("reason", one.reason),
        Element("since", one.since),
    )
    return (Element("waits_on", parts),)


def _predecessor(one: Predecessor) -> Element:
    parts = (Element("job_id", one.job_id), Element("kind", one.kind), Element("state", one.state))
    return Element("after", parts)


def _licence(need: LicenceNeed, number: int) -> Element:
    parts = (
        Element("name", need.name),
        Element("wanted", need.number),
        Element("total", need.total),
        Element("used", need.used),
    )
    return Element("licence", parts, number)


def _resource(one: ResourceVerdict, number: int) -> Element:
    parts = (
        Element("resource_name", one.resource.resource_name),
        Element("last_call_time", one.resource.last_call_time),
        Element("reason", one.reason.value),
        Element("offers_application", int(one.is_offering)),
        Element("is_target", int(one.is_target)),
        *((Element("excluded", 1),) if one.is_excluded else ()),
        *((Element("failed_until", one.failed_until),) if one.failed_until else ()),
        *((Element("lacks", one.lacks),) if one.lacks else ()),
        *((Element("unavailable", one.unavailable),) if one.unavailable else ()),
        Element("running_jobs", one.running),
        *project_elements.drain(one.resource),
    )
    return Element("resource", parts, number)
