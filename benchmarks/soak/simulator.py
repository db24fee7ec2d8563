"""``python -m benchmarks.soak.simulator PART``: many daemons in one process, or thread by thread."""

import json
import sys
import threading
import time
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path

from benchmarks.soak.allowance import Allowance
from benchmarks.soak.exchange_simulator import ExchangeSimulator
from benchmarks.soak.latencies import Latencies
from benchmarks.soak.ledger import Ledger
from benchmarks.soak.plan import LGI, Part, read_part
from benchmarks.soak.simulated import SimulatedDaemon
from lgi_protocol.client import Client
from lgi_protocol.credentials import Credentials
from lgi_protocol.errors import ServerError, TransportError
from lgi_protocol.reply import Reply
from lgi_protocol.resource_api import ResourceCalls

# The stack of a thread: with the default a thousand threads would reserve 8 GB of addresses.
STACK = 512 * 1024


class TimedClient(Client):
    """A client that records the latency of each call, without the delays of the allowance."""

    def __init__(
        self, server: str, credentials: Credentials, latencies: Latencies, allowance: Allowance, begin: float
    ) -> None:
        """Set where latencies are recorded, and the start of the test."""
        super().__init__(server, credentials)
        self._latencies = latencies
        self._allowance = allowance
        self._begin = begin

    def post(
        self,
        call: str,
        fields: Mapping[str, str],
        files: tuple[Path, ...] = (),
        watch: Callable[[int, int], None] | None = None,
    ) -> Reply:
        """Make a call as `Client.post`."""
        self._allowance.wait()
        start, error = time.monotonic(), ""
        try:
            return super().post(call, fields, files, watch)
        except ServerError as refused:
            error = f"LGI error {refused.number}"
            raise
        except TransportError as unreachable:
            error = unreachable.reason
            raise
        finally:
            name = call.rpartition("/resource_")[2]
            if "state" in fields:
                name = f"{name} {fields['state']}"
            self._latencies.note(name, start - self._begin, time.monotonic() - start, error)


class Simulator:
    """The daemons of one part, with their journal and their errors."""

    def __init__(self, part: Part) -> None:
        """Create the daemons; no call is made yet."""
        self._part = part
        self._begin = time.monotonic() + part.begin - time.time()
        self.latencies = Latencies()
        self.allowance = Allowance(part.plan.cores / part.plan.processes)
        self.ledger = Ledger(Path(part.ledger))
        self.mistakes: list[str] = []

    def run(self) -> None:
        """Return when all daemons have ended."""
        threading.stack_size(STACK)
        threading.excepthook = self._note_mistake
        threads = [
            threading.Thread(target=self._live, args=(number,)) for number in range(len(self._part.daemons))
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.ledger.close()

    @property
    def held(self) -> float:
        """The seconds for which the daemons were held back in all."""
        return self.allowance.held

    def _note_mistake(self, mistake: threading.ExceptHookArgs) -> None:
        """Record an error, with which the test has failed."""
        self.mistakes.append("".join(traceback.format_exception(mistake.exc_value)))

    def _live(self, number: int) -> None:
        """Run the turns of a daemon; the daemons start one after the other."""
        part, plan = self._part, self._part.plan
        name, key, certificate = part.daemons[number]
        credentials = Credentials(Path(key), Path(certificate), Path(part.ca))
        client = TimedClient(part.url, credentials, self.latencies, self.allowance, self._begin)
        begin = self._begin + plan.start_seconds * (part.before + number) / plan.resources
        calls, end = ResourceCalls(client, part.project), self._begin + plan.seconds
        daemon = SimulatedDaemon(
            name, calls, plan, self.ledger, begin, closing=lambda: time.monotonic() >= end
        )
        while True:
            due = daemon.due
            time.sleep(max(0.0, due - time.monotonic()))
            now = time.monotonic()
            if daemon.over:
                client.close()
                return
            self.latencies.note_late(now - due)
            daemon.turn(now)


def main() -> int:
    """Simulate the daemons of a part and store the results."""
    part = read_part(Path(sys.argv[1]))
    simulator = Simulator(part) if part.plan.calls == LGI else ExchangeSimulator(part)
    simulator.run()
    result = {
        "latencies": simulator.latencies.as_json(),
        "held": simulator.held,
        "used": time.process_time(),
        "mistakes": simulator.mistakes,
    }
    Path(part.result).write_text(json.dumps(result))
    return 1 if simulator.mistakes else 0


if __name__ == "__main__":
    sys.exit(main())
