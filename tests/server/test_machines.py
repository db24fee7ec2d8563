"""What resources say of their machines: stored beside their calls, bounded, and shown to users."""

import time

from lgi_protocol import machine_state, xml
from lgi_protocol.exchange import Exchange, Want
from lgi_protocol.machine_state import MachineState
from tests.support.exchanges import HELLO, ExchangingDaemon, daemon, references
from tests.support.grid import Grid, wait_for
from tests.support.pages import Browser

STATE = MachineState("Debian 12, Linux 6.1", 1_600_000_000, 2.5, 8, 5, 16000, 9000, 20, 17)


def listed(grid: Grid) -> str:
    """The first resource of the list that users get."""
    content = grid.user().post("interface_project_resource_list").content
    found = xml.find(content, "resource")
    assert found is not None
    return found.inside


def tell(one: ExchangingDaemon, state: MachineState) -> None:
    """Make an exchange that says this of the machine."""
    one.post(Exchange(machine=state))


def stored(grid: Grid) -> int:
    """How many resources have said something; what an earlier test said may be stored late."""
    return len(grid.rows("SELECT state FROM resource_machines JOIN active_resources USING (resource_id)"))


def test_a_user_sees_what_a_resource_says_of_its_machine(grid: Grid) -> None:
    """In the list behind all that LGI has there, with the time; the next report replaces it."""
    one = daemon(grid)
    assert "<machine>" not in listed(grid)

    tell(one, STATE)
    wait_for(lambda: stored(grid) == 1)

    told = xml.find(listed(grid), "machine")
    assert told is not None
    assert machine_state.read(told.inside) == STATE
    assert abs(int(xml.value(told.inside, "told_at")) - time.time()) < 100
    tell(one, MachineState(load=0.5))
    wait_for(lambda: "<load> 0.50 </load>" in listed(grid))


def test_an_exchange_is_held_although_it_tells_of_the_machine(grid: Grid) -> None:
    """It is no news for the daemon itself: the answer would end each wait at once."""
    one = daemon(grid)
    exchange = Exchange(wants=(Want(HELLO, 1),), references=references(1), machine=STATE)

    began = time.monotonic()
    one.post(exchange, 1)

    assert time.monotonic() - began > 0.9


def test_a_hostile_report_is_bounded_and_escaped(grid: Grid) -> None:
    """What cannot be believed is left out; the page shows the rest as text."""
    one = daemon(grid)
    text = (
        "<machine> <system> &lt;script&gt;alert(1)&lt;/script&gt;\x07 </system> <cores> -5 </cores>"
        f" <memory> {'9' * 5000} </memory> <told_at> 1 </told_at> <slots> 3 </slots> </machine>"
    )
    fields = {"project": "LGI", "daemon": one.number, "exchange": text.replace("\x07", "\u202e")}

    one.calls.client.post("resources/resource_exchange", fields)
    wait_for(lambda: stored(grid) == 1)

    told = xml.find(listed(grid), "machine")
    assert told is not None
    assert machine_state.read(told.inside) == MachineState("<script>alert(1)</script>", slots=3)
    assert int(xml.value(told.inside, "told_at")) > 1
    page = Browser(grid).get("resources").answer.text
    assert "&lt;script&gt;alert(1)" in page
    assert "<script>alert(1)" not in page


def test_a_resource_that_says_nothing_is_shown_as_before(grid: Grid) -> None:
    """That of an old daemon: the page says that it is not told."""
    daemon(grid)
    one = daemon(grid, "res2@cluster", "daemon-2")

    tell(one, MachineState())
    one.post(Exchange())

    assert stored(grid) == 0
    assert "not told" in Browser(grid).get("resources").text
