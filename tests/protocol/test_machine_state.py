"""What resources say of their machines, as it is written and as it is read of anybody."""

import pytest

from lgi_protocol import machine_state, xml
from lgi_protocol.machine_state import MOST_SYSTEM, MOST_TEXT, UNKNOWN, MachineState

WHOLE = MachineState("Debian & <co>", 1_000_000, 2.5, 8, 5, 16000, 9000, 20, 17)


def written(state: MachineState) -> str:
    """The text of a state on the wire."""
    return " ".join(map(xml.write, machine_state.elements(state)))


def test_a_state_is_read_as_it_was_written() -> None:
    """All of it, or as much as is known."""
    for state in (WHOLE, MachineState(cores=1), MachineState(load=0.0, free_cores=0), UNKNOWN):
        assert machine_state.read(written(state)) == state


@pytest.mark.parametrize(
    "text",
    [
        "",
        "<cores> -1 </cores>",
        "<cores> 1e3 </cores> <memory> ² </memory>",
        f"<memory> {10**13} </memory>",
        "<load> nan </load>",
        "<load> 1e400 </load>",
        "<load> 99999999999 </load>",
        "<load>",
        "<!DOCTYPE a> <cores> 8 </cores>",
        "<hostname> evil </hostname>",
    ],
)
def test_a_value_that_cannot_be_believed_is_not_known(text: str) -> None:
    """Nothing is raised, whatever a resource says."""
    assert machine_state.read(text) == UNKNOWN


def test_a_system_is_one_bounded_line_without_control_characters() -> None:
    """Neither an escape sequence nor a change of the writing direction reaches a terminal or a page."""
    hostile = "a\x1b[2J\n\u202eb\u0007 " + "\u00e4&" * 500

    system = machine_state.read(f"<system> {xml.escape(hostile)} </system>").system

    assert system.startswith("a")
    assert system.isprintable()
    assert len(system) <= MOST_SYSTEM
    largest = MachineState("&" * MOST_SYSTEM, *[10**12] * 1, 999999.99, *[10**12] * 6)
    assert len(written(largest).encode()) <= MOST_TEXT


def test_a_state_is_shown_as_text() -> None:
    """Without what is not known."""
    assert WHOLE.lines(1_000_000 + 2 * 86400) == {
        "system": "Debian & <co>, up 2d00h",
        "cores": "5 of 8 free, load 2.50",
        "memory": "9000 MB of 16 GB free",
        "slots": "17 of 20 free",
    }
    assert MachineState(cores=4).lines(0) == {"cores": "4"}
    assert UNKNOWN.lines(0) == {}
