"""``make bench``: how often a second each call is answered, as ratios to the cheapest call of the same run.

One project server with two workers on the embedded database, one and eight keep-alive clients in threads of
this process. The client costs as much CPU as the server here, so ratios are what counts.
"""

import json
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

from lgi_protocol.resource_api import ResourceCalls
from tests.grid import PROJECT, Grid, UserCalls

SECONDS = 2.0
RESULT = Path("benchmarks/result.json")


def rate(make: Callable[[], Callable[[], object]], clients: int) -> float:
    """Calls a second by so many clients, each made by ``make`` before the clock starts."""
    calls = [make() for _ in range(clients)]
    counts = [0] * clients
    end = time.monotonic() + SECONDS

    def work(number: int) -> None:
        while time.monotonic() < end:
            calls[number]()
            counts[number] += 1

    threads = [threading.Thread(target=work, args=(number,)) for number in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(counts) / SECONDS


def scenarios(grid: Grid) -> dict[str, Callable[[], Callable[[], object]]]:
    """What is measured, the call all others are compared with first."""

    def user_call(work: Callable[[UserCalls], object]) -> Callable[[], Callable[[], object]]:
        def make() -> Callable[[], object]:
            user = grid.user()
            return lambda: work(user)

        return make

    job = grid.user().submit(input="41" * 1000)
    return {
        "server list": user_call(lambda user: user.post("interface_project_server_list")),
        "job list, limit 10": user_call(lambda user: user.post("interface_job_state", limit="10")),
        "job details": user_call(lambda user: user.state(job)),
        "submit": user_call(lambda user: user.submit()),
        "whole job life": lambda: job_life(grid),
    }


def job_life(grid: Grid) -> Callable[[], object]:
    """Submit, sign up, work 1, update, details, update, unlock, sign off."""
    user = grid.user()
    resource: ResourceCalls = ResourceCalls(grid.client(grid.people.resource("res1@cluster")), PROJECT)

    def live() -> None:
        user.submit()
        with resource.signed_up():
            for job in resource.request_work("hello_world", 0, 1).jobs:
                resource.update(job.job_id, state="running", target_resources="res1@cluster")
                resource.details(job.job_id)
                resource.update(job.job_id, state="finished", output=b"done")
                resource.unlock(job.job_id)

    return live


def main() -> None:
    """Measure, print a table, write JSON."""
    grid = Grid()
    try:
        grid.start()
        grid.clear()
        grid.resource().sign_off()
        rows = [
            {"scenario": name, "clients": clients, "per_second": round(rate(make, clients), 1)}
            for name, make in scenarios(grid).items()
            for clients in (1, 8)
        ]
    finally:
        grid.remove()
    base = {row["clients"]: float(str(row["per_second"])) for row in rows[:2]}
    print(f"{'scenario':24}{'clients':>8}{'per second':>12}{'of server list':>16}")
    for row in rows:
        row["ratio"] = round(float(str(row["per_second"])) / base[row["clients"]], 3)
        print(f"{row['scenario']:24}{row['clients']:>8}{row['per_second']:>12}{row['ratio']:>16}")
    RESULT.write_text(json.dumps({"python": sys.version.split()[0], "rows": rows}, indent=1) + "\n")
    print(f"written to {RESULT}")


if __name__ == "__main__":
    main()
