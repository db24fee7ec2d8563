"""How far jobs are, and when they will be done as far as the server can tell."""

from collections.abc import Callable, Mapping
from dataclasses import field

from lgi_protocol import xml
from lgi_protocol.errors import TransportError
from lgi_protocol.reply import Reply, leading_number
from lgi_protocol.value_object import value_object
from lgi_tools.client.interface_calls import is_unknown_call
from lgi_tools.client.selection import Selection, check_known

_ENDED = ("succeeded", "failed", "unknown")


@value_object
class Progress:
    """The number of jobs by state; those that have ended are ``succeeded``, ``failed`` or ``unknown``.

    ``mean_run_seconds`` is the average run time of like jobs that succeeded, ``remaining_seconds`` how long
    the jobs take if as many run at once as now; None when they are not known.
    """

    counts: Mapping[str, int] = field(default_factory=dict)
    mean_run_seconds: int | None = None
    remaining_seconds: int | None = None

    @property
    def total(self) -> int:
        """The number of jobs."""
        return sum(self.counts.values())

    @property
    def ended(self) -> int:
        """The number of jobs that have ended."""
        return sum(self.counts.get(name, 0) for name in _ENDED)

    @property
    def failed(self) -> int:
        """The number of jobs that failed."""
        return self.counts.get("failed", 0)

    def _repr_html_(self) -> str:
        from lgi_tools.client.job_table import progress_html

        return progress_html(self)


def progress_in(text: str) -> Progress:
    """Return the progress in the content of an element."""
    found = [one.inside for one in xml.find_all(text, "count")]
    counts = {xml.value(one, "state"): leading_number(xml.value(one, "number_of_jobs")) for one in found}
    return Progress(counts, _known(text, "mean_run_seconds"), _known(text, "remaining_seconds"))


def _known(text: str, name: str) -> int | None:
    value = xml.value(text, name)
    return leading_number(value) if value else None


def read_progress(call: Callable[[Mapping[str, str]], Reply], server: str, selection: Selection) -> Progress:
    """Return the progress of a selection; ``call`` asks the server with some fields.

    Raises TransportError from a server that is too old.
    """
    parts = []
    for part in selection.parts():
        fields = part.fields()
        try:
            reply = call(fields)
        except TransportError as error:
            if is_unknown_call(error):
                raise TransportError(server, "this server is too old to tell the progress of jobs") from None
            raise
        check_known(server, fields, reply)
        parts += [progress_in(text) for text in reply.all("progress")]
    return _sum(parts)


def _sum(parts: list[Progress]) -> Progress:
    if len(parts) == 1:
        return parts[0]
    counts: dict[str, int] = {}
    for part in parts:
        for state, number in part.counts.items():
            counts[state] = counts.get(state, 0) + number
    means = [part.mean_run_seconds for part in parts if part.mean_run_seconds is not None]
    rests = [part.remaining_seconds for part in parts if part.counts]
    known = [rest for rest in rests if rest is not None]
    return Progress(
        counts,
        sum(means) // len(means) if means else None,
        max(known) if known and len(known) == len(rests) else None,
    )
