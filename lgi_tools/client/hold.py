"""Holds of queued jobs, as a project server tells of them."""

from datetime import datetime

from lgi_protocol import xml
from lgi_protocol.value_object import value_object
from lgi_tools.client.timestamp import parse_time


@value_object
class Hold:
    """Why a queued job is not given out: ``reason`` is ``user``, ``after``, ``retry`` or ``array``.

    ``held_by`` is ``user NAME``, ``job NUMBER``, ``scheduler`` or empty; ``until`` is None for a hold
    without an end.
    """

    reason: str
    since: datetime
    until: datetime | None = None
    held_by: str = ""
    text: str = ""

    @property
    def summary(self) -> str:
        """Return who or what holds the job, and why, as ``user mark: wrong input``."""
        return ": ".join(filter(None, (self.held_by or self.reason, self.text)))


def read_holds(text: str) -> tuple[Hold, ...]:
    """Return the holds in a ``<job>`` or an ``<explanation>``."""
    return tuple(_hold(found.inside) for found in xml.find_all(text, "hold")) if "<hold>" in text else ()


def _hold(text: str) -> Hold:
    values = xml.values(text, "reason", "since", "until", "held_by", "text")
    until = parse_time(values["until"]) if values["until"] else None
    return Hold(values["reason"], parse_time(values["since"]), until, values["held_by"], values["text"])
