"""What a job has used: processor time, peak memory and disk (wire.md 6, our extension)."""

from collections.abc import Mapping

from lgi_protocol import whole_number
from lgi_protocol.value_object import value_object

# The elements of a ``<job>`` that say it, each with the most that is believed: bytes but for the first.
MOST = {"cpu_milliseconds": 10**14, "peak_memory": 2**50, "disk_used": 2**58}
FIELDS = tuple(MOST)
MEGABYTE = 2**20
_UNITS = ("kB", "MB", "GB", "TB")


@value_object
class JobUsage:
    """Processor time (user and system) in milliseconds, memory and disk in bytes; None is not known."""

    cpu_milliseconds: int | None = None
    peak_memory: int | None = None
    disk_used: int | None = None

    def lines(self, specifics: str, seconds: int | None) -> dict[str, str]:
        """Return what is known as text, each beside what the job's specifics request.

        ``seconds`` is how long it ran; None is not known. As ``{"memory": "312 MB of 2 GB"}``.
        """
        # Slow to load.
        from lgi_protocol.capabilities import requested_number

        asked = {name: requested_number(specifics, name) for name in ("cpus", "nodes", "memory")}
        found = {}
        if self.cpu_milliseconds is not None:
            found["processor"] = self._processor((asked["cpus"] or 1) * (asked["nodes"] or 1), seconds)
        if self.peak_memory is not None:
            of = f" of {size(asked['memory'] * MEGABYTE)}" if asked["memory"] else ""
            found["memory"] = f"{size(self.peak_memory)}{of}"
        if self.disk_used is not None:
            found["disk"] = size(self.disk_used)
        return found

    def _processor(self, cores: int, seconds: int | None) -> str:
        from lgi_protocol.time_span import span

        used = (self.cpu_milliseconds or 0) / 1000
        text = span(round(used)) if used >= 60 else f"{used:.2g}s" if used < 10 else f"{used:.0f}s"
        if not seconds:
            return text
        return f"{text}, {used / seconds:.2g} of {cores} core{'' if cores == 1 else 's'}"


# Of a job that has not ended, or of which nothing is known.
NO_USAGE = JobUsage()


def usage_of(texts: Mapping[str, str]) -> JobUsage:
    """Return the usage from the texts of its `FIELDS`; invalid values count as unknown."""
    values = {name: texts[name] for name in FIELDS if texts[name]}
    if not values:
        return NO_USAGE
    return JobUsage(**{name: whole_number.read(text, 0, MOST[name]) for name, text in values.items()})


def bounded(usage: JobUsage) -> JobUsage:
    """Return a usage without values that no server accepts."""
    values = {name: getattr(usage, name) for name in FIELDS}
    return JobUsage(**{n: v if v is not None and 0 <= v <= MOST[n] else None for n, v in values.items()})


def size(number: int) -> str:
    """Return a number of bytes as ``312 MB``; a MB has 1024 kB, as in the requests of jobs."""
    value, unit = float(number), "B"
    for larger in _UNITS:
        if value < 999.5:
            break
        value, unit = value / 1024, larger
    return f"{value:.3g} {unit}"
