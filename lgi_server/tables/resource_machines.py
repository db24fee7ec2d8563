"""The table resource_machines: what each resource has said last of its machine, and when."""

from collections.abc import Mapping
from typing import NamedTuple

from lgi_server.db.transaction import Row, Transaction
from lgi_server.tables.active_resources import COLUMNS, ResourceRow, resource_in

# Rows in one statement; SQLite takes no more than a thousand values.
AT_ONCE = 300


class MachineReport(NamedTuple):
    """A `lgi_protocol.machine_state` as XML, and when it was told, in seconds."""

    state: str
    told_at: int


def store(transaction: Transaction, machines: Mapping[int, MachineReport]) -> None:
    """Store what resources, by their numbers, say of their machines."""
    numbers = sorted(machines)
    for begin in range(0, len(numbers), AT_ONCE):
        some = numbers[begin : begin + AT_ONCE]
        rows = ", ".join(["(%s, %s, %s)"] * len(some))
        values = (value for number in some for value in (number, *machines[number]))
        transaction.execute_pipelined(
            f"REPLACE INTO resource_machines (resource_id, state, told_at) VALUES {rows}", *values
        )


def of_everyone(transaction: Transaction) -> list[tuple[ResourceRow, MachineReport | None]]:
    """Return all resources and project servers as `active_resources.everyone`, with what they have told."""
    columns = ", ".join(f"one.{name}" for name in COLUMNS.split(", "))
    rows = transaction.rows(
        f"SELECT {columns}, machine.state AS state, machine.told_at AS told_at FROM active_resources AS one"
        " LEFT JOIN resource_machines AS machine ON machine.resource_id = one.resource_id"
        " ORDER BY one.resource_id"
    )
    return [(resource_in(row), _report(row) if row["told_at"] is not None else None) for row in rows]


def _report(row: Row) -> MachineReport:
    return MachineReport(str(row["state"]), int(row["told_at"]))


def reports(transaction: Transaction) -> dict[int, MachineReport]:
    """Return by resource what was told last."""
    rows = transaction.rows("SELECT resource_id, state, told_at FROM resource_machines")
    return {int(row["resource_id"]): _report(row) for row in rows}


def remove_older(transaction: Transaction, oldest: int) -> None:
    """Delete what was told before ``oldest``: the resource is gone, or has a daemon that says nothing."""
    transaction.run("DELETE FROM resource_machines WHERE told_at < %s", oldest)
