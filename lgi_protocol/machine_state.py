"""What a resource says of the machine it runs jobs on, in exchanges and in the list of resources (ours)."""

import re
from collections.abc import Iterator
from dataclasses import fields

from lgi_protocol import whole_number, xml
from lgi_protocol.value_object import value_object
from lgi_protocol.xml import Element

# The most characters of the system, and the greatest of each number that is believed.
MOST_SYSTEM, MOST_NUMBER = 100, 10**12
# The most bytes of a state as XML: each character of the system may become an entity.
MOST_TEXT = 1000
_LOAD = re.compile(r"[0-9]{1,6}(\.[0-9]{1,2})?\Z")
_GIGABYTE = 1024


@value_object
class MachineState:
    """The state of a machine; empty or None is not known.

    ``system`` is its operating system, ``booted_at`` in Unix seconds, ``load`` the number of processes that
    run or want to, on average of the last minute. ``cores``, ``memory`` (MB), ``slots`` (jobs) and ``gpus``
    are what jobs may have at once, and beside each what is free of it.
    """

    system: str = ""
    booted_at: int | None = None
    load: float | None = None
    cores: int | None = None
    free_cores: int | None = None
    memory: int | None = None
    free_memory: int | None = None
    slots: int | None = None
    free_slots: int | None = None
    gpus: int | None = None
    free_gpus: int | None = None

    def lines(self, now: float) -> dict[str, str]:
        """Return what is known as text for people, as ``{"cores": "5 of 8 free, load 2.70"}``."""
        # Slow to load.
        from lgi_protocol.time_span import span

        up = "" if self.booted_at is None else f"up {span(int(now) - self.booted_at)}"
        load = "" if self.load is None else f"load {self.load:.2f}"
        found = {
            "system": ", ".join(filter(None, (self.system, up))),
            "cores": ", ".join(filter(None, (_free(self.free_cores, self.cores), load))),
            "memory": _free(_size(self.free_memory), _size(self.memory)),
            "slots": _free(self.free_slots, self.slots),
            "GPUs": _free(self.free_gpus, self.gpus),
        }
        return {name: text for name, text in found.items() if text}


UNKNOWN = MachineState()
_NAMES = tuple(one.name for one in fields(MachineState))
_NUMBERS = tuple(name for name in _NAMES if name not in {"system", "load"})


def elements(state: MachineState) -> tuple[Element, ...]:
    """Return the elements of what is known."""
    return tuple(Element(name, text) for name, text in _texts(state) if text)


def _texts(state: MachineState) -> Iterator[tuple[str, str]]:
    for name in _NAMES:
        value = getattr(state, name)
        shown = f"{value:.2f}" if isinstance(value, float) else str(value)
        yield name, "" if value is None else shown


def read(text: str) -> MachineState:
    """Return the state in elements that anybody may have written: what cannot be believed is not known."""
    try:
        texts = xml.values(text, *_NAMES)
    except ValueError:
        return UNKNOWN
    load = texts["load"]
    return MachineState(
        system=printable(texts["system"]),
        load=float(load) if _LOAD.match(load) else None,
        **{name: whole_number.read(texts[name], most=MOST_NUMBER) for name in _NUMBERS},
    )


def printable(system: str) -> str:
    """Return the name of a system on one line, bounded, without characters that change what is beside it."""
    return " ".join("".join(char for char in system if char.isprintable()).split())[:MOST_SYSTEM].strip()


def _free(free: int | str | None, total: int | str | None) -> str:
    if not total:
        return ""
    return f"{total}" if free is None or free == "" else f"{free} of {total} free"


def _size(megabytes: int | None) -> str:
    if megabytes is None:
        return ""
    return f"{megabytes} MB" if megabytes < 10 * _GIGABYTE else f"{megabytes / _GIGABYTE:.0f} GB"
