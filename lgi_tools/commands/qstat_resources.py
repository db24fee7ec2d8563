"""The resources of LGI_qstat -L: each with all it says, or in a line of its own."""

import time
from collections.abc import Sequence

from lgi_protocol import capabilities, machine_state, xml
from lgi_protocol.machine_state import UNKNOWN
from lgi_protocol.reply import leading_number
from lgi_protocol.time_span import span
from lgi_tools.cli import terminal
from lgi_tools.cli.output_text import date_and_number, line

HEADER = ("resource", "slots", "cores", "memory", "GPUs", "load", "up", "report", "called", "system")
# Seconds without a call after which a resource is silent, as on its page.
SILENT_SECONDS = 900


def lines(resources: Sequence[str]) -> str:
    """Return the lines of resources, each the content of a ``<resource>``."""
    return "".join(map(_lines, resources))


def _lines(text: str) -> str:
    return (
        "\n"
        + line("Resource name", xml.value(text, "resource_name"))
        + line("Resource capabilities", capabilities.readable(xml.value(text, "resource_capabilities")))
        + line("Resource time stamp", date_and_number(xml.value(text, "last_call_time")))
        + _drain(text)
        + _machine(text)
    )


def _drain(text: str) -> str:
    if not (since := xml.value(text, "drained_since")):
        return ""
    reason = xml.value(text, "drain_reason")
    return line("Resource drained", date_and_number(since)) + (line("Drain reason", reason) if reason else "")


def _machine(text: str) -> str:
    machine = xml.find(text, "machine")
    found = machine_state.read(machine.inside).lines(time.time()) if machine else {}
    told = {"report": _told(text, int(time.time()))} if machine else {}
    return "".join(line(f"Resource {name}", value) for name, value in (found | told).items())


def _told(text: str, now: int) -> str:
    """Return how old what a resource says of its machine is; empty where an older server does not say so."""
    when = leading_number(xml.value(text, "machine", "told_at"))
    return f"{span(max(0, now - when))} ago" if when else ""


def table(resources: Sequence[str]) -> str:
    """Return resources in columns; what one does not say of its machine is empty."""
    rows = [HEADER, *(_cells(text, int(time.time())) for text in resources)]
    widths = [max(len(row[at]) for row in rows) for at in range(len(HEADER))]
    shown = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows)
    return "\n" + "".join(f"{row.rstrip()}\n" for row in shown)


def _cells(text: str, now: int) -> tuple[str, ...]:
    found = xml.find(text, "machine")
    machine = machine_state.read(found.inside) if found else UNKNOWN
    said = machine.lines(now)
    last = leading_number(xml.value(text, "last_call_time"))
    called = f"{span(now - last)} ago" if last else "never"
    called += ", silent" if last < now - SILENT_SECONDS else ""
    called += ", drained" if xml.value(text, "drained_since") else ""
    cells = (
        xml.value(text, "resource_name"),
        said.get("slots", ""),
        said.get("cores", "").partition(", load")[0],
        said.get("memory", ""),
        said.get("GPUs", ""),
        "" if machine.load is None else f"{machine.load:.2f}",
        "" if machine.booted_at is None else span(now - machine.booted_at),
        _told(text, now),
        called,
        machine.system,
    )
    return tuple(terminal.value(cell) for cell in cells)
