"""What users are told: facts of a job or an array, as JSON for webhooks and as the text of a mail.

Nothing that a job may keep secret is among them: no input, output, specifics or environment.
"""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lgi_protocol import comma_lists, notification
from lgi_protocol.job_end import Result
from lgi_server.tables.job_arrays import ArrayRow
from lgi_server.tables.job_queue.jobs import JobRow
from lgi_server.tables.notification_outbox import Message

if TYPE_CHECKING:
    from email.message import EmailMessage


@dataclass(frozen=True)
class Sender:
    """The project that tells, and the address of its server and of the sender of mail."""

    project: str
    url: str
    mail_from: str


def facts_of_job(job: JobRow) -> str:
    """Return the facts of a job that has started or ended."""
    found = {
        "job_id": job.job_id,
        "name": job.job_name,
        "application": job.application,
        "user": job.owners[0] if job.owners else "",
        "state": job.state,
        "result": job.ended,
        "end": job.end.text(job.state) if job.ended else "",
        "exit_code": job.end.exit_code,
        "exit_signal": job.end.exit_signal,
        "resource": comma_lists.join(job.target_resources) if job.started else "",
        "submitted": job.submitted,
        "started": job.started,
        "ended": job.state_time_stamp if job.ended else None,
    }
    return json.dumps(found)


def facts_of_array(array: ArrayRow, counts: Mapping[str, int]) -> str:
    """Return the facts of an array; ``counts`` are its elements by state or `Result`."""
    found = {
        "array_id": array.array_id,
        "name": array.job_name,
        "application": array.application,
        "user": array.owners[0] if array.owners else "",
        "elements": sum(counts.values()),
        "submitted": array.submitted,
        **{result.value: counts.get(result.value, 0) for result in Result},
    }
    return json.dumps(found)


def as_json(message: Message, sender: Sender) -> bytes:
    """Return the body of a webhook."""
    about = {"event": message.event, "project": sender.project, "server": sender.url}
    return json.dumps(
        {**about, "notification_id": message.notification_id, **json.loads(message.facts)}
    ).encode()


def as_mail(message: Message, sender: Sender, now: float) -> "EmailMessage":
    """Return a mail to the address of a message, which has the same Message-ID each time it is sent."""
    # Every change of a job may store a message; the scheduler makes mails of them, where mail is set up.
    from email.message import EmailMessage
    from email.policy import SMTP
    from email.utils import formatdate

    facts = json.loads(message.facts)
    mail = EmailMessage(policy=SMTP)
    domain = sender.mail_from.rpartition("@")[2]
    mail["From"] = sender.mail_from
    mail["To"] = message.address
    mail["Subject"] = _line(f"[{sender.project}] {_title(facts)} {_happened(facts, message.event)}")
    mail["Date"] = formatdate(now)
    mail["Message-ID"] = f"<{sender.project}.{message.created}.{message.notification_id}@{domain}>"
    # Automatic answers to it, as of somebody who is away, are not wanted (RFC 3834).
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content("\n".join(map(_line, _lines(facts, message, sender))) + "\n")
    return mail


def _lines(facts: Mapping[str, Any], message: Message, sender: Sender) -> list[str]:
    happened = _happened(facts, message.event)
    is_array = "array_id" in facts
    where = f"{facts['array_id']}[]" if is_array else str(facts["job_id"])
    end = f": {facts['end']}" if facts.get("end") else ""
    shown = ["application", "resource", *(result.value for result in Result), "elements"]
    return [
        f"{_title(facts)} of project {sender.project} {happened}{end}.",
        "",
        *(f"{name}: {facts[name]}" for name in shown if facts.get(name)),
        *(f"{name}: {_time(facts[name])}" for name in ("submitted", "started", "ended") if facts.get(name)),
        "",
        f"LGI_explain {where} tells more. Server: {sender.url}",
        "This message was asked for when the job was submitted (LGI_run --notify).",
    ]


def _title(facts: Mapping[str, Any]) -> str:
    name = f" ({facts['name']})" if facts["name"] else ""
    return f"Array {facts['array_id']}[]{name}" if "array_id" in facts else f"Job {facts['job_id']}{name}"


def _happened(facts: Mapping[str, Any], event: str) -> str:
    if event == notification.START:
        return "has started"
    if "array_id" in facts:
        failed, number = facts[Result.FAILED], facts["elements"]
        return f"has ended, {failed} of {number} elements have failed" if failed else "has ended"
    return {Result.FAILED: "has failed", Result.SUCCEEDED: "has succeeded"}.get(facts["result"], "has ended")


def _time(seconds: int) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(seconds))


def _line(text: str) -> str:
    """Return text without what ends a line or controls a terminal: names are the users' own words."""
    return "".join(char if char.isprintable() else "?" for char in text)
