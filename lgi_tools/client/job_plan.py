"""When a new job is started: the fields of a submit that older servers read over."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, TypedDict, Unpack

from lgi_protocol import comma_lists, job_priority, job_references, notification
from lgi_protocol.errors import TransportError
from lgi_protocol.reply import Reply
from lgi_protocol.retry_rule import MOST_BACKOFF, MOST_RETRIES, normalize_rule
from lgi_protocol.value_object import value_object
from lgi_tools.client.job import AnyJob, id_of

if TYPE_CHECKING:
    # It needs a module that needs this one.
    from lgi_tools.client.job_array import JobArray

# The element by which a server that has a field says so, by the field.
_KNOWN = {
    "hold": "plans_hold",
    "after": "plans_after",
    "after_any": "plans_after",
    "retries": "plans_retries",
    "priority": "plans_priority",
    "deadline": "plans_deadline",
    "urgent": "plans_urgent",
    "not_on": "plans_not_on",
    "notify": "plans_notify",
}
_FOLLOWED, _WITH_ARRAYS = ("after", "after_any"), "plans_after_arrays"
# The most numbers that servers take which know no ranges and arrays there.
_FEW = 500


@value_object(kw_only=True)
class JobPlan:
    """When a job is started. ``hold``: not before it is released.

    It follows the jobs ``after`` when these have succeeded, ``after_any`` when they have ended: numbers, and
    texts as `reference_of` returns them. If one of ``after`` fails it is aborted, with
    ``keep_after_failure`` held. When it fails it is started again
    ``retries`` times, after ends that ``retry_on`` names (any failure by default), at first after ``backoff``
    seconds (60 by default), then after twice as many. Of one's own queued jobs those with the highest
    ``priority`` are started first, from -100 to 100; it rises as the ``deadline`` comes nearer, in Unix
    seconds (0: none). An ``urgent`` job is started before those of all users, if a group may have it. No
    resource of ``not_on`` gets the job.
    Its user is notified of ``notify``, some of ``start``, ``end`` and ``fail``, at an address ``mail``
    (by default the user's own), and by a POST to the URL ``webhook``.
    """

    hold: bool = False
    after: tuple[int | str, ...] = ()
    after_any: tuple[int | str, ...] = ()
    keep_after_failure: bool = False
    retries: int = 0
    retry_on: str = ""
    backoff: int | None = None
    priority: int = 0
    deadline: int = 0
    urgent: bool = False
    not_on: tuple[str, ...] = ()
    notify: tuple[str, ...] = ()
    mail: str = ""
    webhook: str = ""

    def fields(self) -> dict[str, str]:
        """Return the fields of a submit, those with a value. Raises ValueError."""
        if self.keep_after_failure and not self.after:
            raise ValueError("keep_after_failure needs jobs that the new one follows: --after")
        if not self.retries and (self.retry_on or self.backoff is not None):
            raise ValueError("retry_on and backoff need a number of retries: --retries")
        if not 0 <= self.retries <= MOST_RETRIES:
            raise ValueError(f"retries is {self.retries}: give a number from 0 to {MOST_RETRIES}")
        if not 0 <= (self.backoff or 0) <= MOST_BACKOFF:
            raise ValueError(f"backoff is {self.backoff}: give a number of seconds from 0 to {MOST_BACKOFF}")
        if abs(self.priority) > job_priority.MOST:
            allowed = f"{-job_priority.MOST} to {job_priority.MOST}"
            raise ValueError(f"the priority {self.priority} is not a number from {allowed}")
        if (self.mail or self.webhook) and not self.notify:
            raise ValueError("mail and webhook need the events to tell: --notify end,fail")
        fields = {
            "notify": ", ".join(notification.read_events(",".join(self.notify))),
            "mail": notification.check_mail(self.mail) if self.mail else "",
            "webhook": self.webhook,
            "priority": str(self.priority or ""),
            "deadline": str(self.deadline or ""),
            "retries": str(self.retries or ""),
            "retry_on": normalize_rule(self.retry_on),
            "backoff": "" if self.backoff is None else str(self.backoff),
            "hold": "1" if self.hold else "",
            "urgent": "1" if self.urgent else "",
            "not_on": comma_lists.join(self.not_on),
            "after": ", ".join(map(str, self.after)),
            "after_any": ", ".join(map(str, self.after_any)),
            "keep_after_failure": "1" if self.keep_after_failure else "",
        }
        return {name: text for name, text in fields.items() if text}


NO_PLAN = JobPlan()


class PlanArguments(TypedDict, total=False):
    """The arguments of `Project.submit` that make a plan; those of `JobPlan`."""

    hold: bool
    after: "Iterable[AnyJob | JobArray]"
    after_any: "Iterable[AnyJob | JobArray]"
    keep_after_failure: bool
    retries: int
    retry_on: str
    backoff: int | None
    priority: int
    deadline: int
    urgent: bool
    not_on: "Iterable[str]"
    notify: Iterable[str]
    mail: str
    webhook: str


def plan_of(**given: Unpack[PlanArguments]) -> JobPlan:
    """Return the plan of these arguments.

    Raises ValueError for text that names no jobs, TypeError for an unknown argument.
    """
    if unknown := given.keys() - PlanArguments.__annotations__.keys():
        raise TypeError(f"there is no argument {min(unknown)!r}")
    return JobPlan(
        hold=given.get("hold", False),
        after=tuple(map(reference_of, given.get("after", ()))),
        after_any=tuple(map(reference_of, given.get("after_any", ()))),
        keep_after_failure=given.get("keep_after_failure", False),
        retries=given.get("retries", 0),
        retry_on=given.get("retry_on", ""),
        backoff=given.get("backoff"),
        priority=given.get("priority", 0),
        deadline=given.get("deadline", 0),
        urgent=given.get("urgent", False),
        not_on=names_of(given.get("not_on", ())),
        notify=tuple(given.get("notify", ())),
        mail=given.get("mail", ""),
        webhook=given.get("webhook", ""),
    )


def names_of(given: "Iterable[str]") -> tuple[str, ...]:
    """Return the names of comma lists, or of one, each once."""
    texts = [given] if isinstance(given, str) else given
    return comma_lists.unique(name for text in texts for name in comma_lists.split(text))


def reference_of(job: "AnyJob | JobArray") -> int | str:
    """Return the id of a job, or a text for several: ``12-40``, the array ``102[]``, elements ``102[1-3,9]``.

    Raises ValueError for other text.
    """
    from lgi_tools.client.job_array import JobArray

    if isinstance(job, JobArray):
        return f"{job.id}[]"
    if isinstance(job, str) and not job.strip().isdecimal():
        # Elements of an array as it was printed: "102[][2-3]".
        text = job.strip().replace("[][", "[")
        job_references.read(text)
        return text
    return id_of(job)


def is_planned(fields: Mapping[str, str]) -> bool:
    """Return whether a submit has fields that older servers read over, and so start the job at once."""
    return any(name in fields for name in _KNOWN)


def check_known(server: str, fields: Mapping[str, str], about: Reply | None) -> None:
    """Raise TransportError for a field that a server does not know.

    ``about`` is the answer to a submit of no jobs, None from a server that is too old to answer it.
    """
    for name in fields:
        if name in _KNOWN and not (about and about.number(_KNOWN[name])):
            raise TransportError(server, f"this server is too old for --{name.replace('_', '-')}")
    texts = [fields.get(name, "") for name in _FOLLOWED]
    is_new = any("-" in text or "[" in text for text in texts) or ",".join(texts).count(",") > _FEW
    if is_new and not (about and about.number(_WITH_ARRAYS)):
        what = f"ranges, arrays and more than {_FEW} jobs to follow"
        raise TransportError(server, f"this server is too old for {what}: give numbers")
