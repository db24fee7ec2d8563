"""Many daemons that make exchanges, in one process and one thread."""

import asyncio
import resource
import time
import traceback
from contextlib import suppress
from pathlib import Path

from benchmarks.soak.exchange_daemon import ExchangeDaemon
from benchmarks.soak.latencies import Latencies
from benchmarks.soak.ledger import Ledger
from benchmarks.soak.plan import Part
from benchmarks.soak.timed_calls import TimedCalls
from lgi_daemon.files import job_key
from lgi_daemon.loop.held_exchanges import DELAY, EARLY_DELAY, EARLY_SECONDS
from lgi_daemon.loop.long_poll import FAILURE_DELAY, MAX_HOLD
from lgi_protocol.credentials import Credentials
from lgi_protocol.errors import ServerError, TransportError
from lgi_protocol.exchange import Exchange
from lgi_protocol.sign_up import SignUp


class DaemonTasks:
    """The worker of a daemon and, beside it, its held exchanges."""

    def __init__(self, part: Part, number: int, latencies: Latencies, ledger: Ledger, begin: float) -> None:
        """Create the daemon of a number in its part; ``begin`` is the start of the test."""
        name, key, certificate = part.daemons[number]
        plan, place = part.plan, part.before + number
        self._start, self._end = (begin + seconds for seconds in plan.working_time(place))
        self._latencies = latencies
        self._sign_up: SignUp | None = None
        context = Credentials(Path(key), Path(certificate), Path(part.ca)).context()
        self._calls, self._held_calls = (
            TimedCalls(part, f"{place:032X}", context, latencies, begin) for _one in range(2)
        )
        self._daemon = ExchangeDaemon(
            name, plan, ledger, self._start, self._end, make_request=self._signing_request
        )
        self._held: Exchange | None = None
        self._cut: asyncio.TimerHandle | None = None
        # Set when there may be something to do earlier than was thought.
        self._news, self._room = asyncio.Event(), asyncio.Event()

    def _signing_request(self) -> bytes:
        if self._sign_up is None or not self._sign_up.job_certificates:
            return b""
        return job_key.signing_request(job_key.generate())

    async def live(self) -> None:
        """Return when the daemon has ended."""
        await asyncio.sleep(self._start - time.monotonic())
        self._latencies.note_late(time.monotonic() - self._start)
        while self._sign_up is None:
            with suppress(ServerError, TransportError):
                self._sign_up = await self._calls.sign_up()
                self._daemon.hears_unnamed = self._sign_up.hears_unnamed
                break
            await asyncio.sleep(FAILURE_DELAY)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._work())
            if self._sign_up.longest_wait > 0:
                tasks.create_task(self._hold(min(self._sign_up.longest_wait, MAX_HOLD)))
        self._calls.close()
        self._held_calls.close()

    async def _work(self) -> None:
        """Make the exchanges that are due until the daemon has ended."""
        while not self._daemon.over(now := time.monotonic()):
            due = self._daemon.due(now)
            if due > now:
                await _wait(self._news, due - now)
                continue
            self._latencies.note_late(now - due)
            posted, load = self._daemon.make_up(now), self._daemon.load
            try:
                answer = await self._calls.exchange(posted, load)
            except (ServerError, TransportError) as error:
                self._daemon.lost(posted, time.monotonic(), error)
            else:
                self._daemon.apply(posted, answer, time.monotonic())
                self._check_held()

    def _check_held(self) -> None:
        """Cut the held exchange off, now or later, for what it does not say."""
        now = time.monotonic()
        if self._held is None:
            self._room.set()
            return
        at = self._daemon.outdated_at(self._held, now)
        if at is not None and (self._cut is None or at <= now):
            self._cancel_cut()
            self._cut = asyncio.get_running_loop().call_later(at - now, self._held_calls.cut)

    def _cancel_cut(self) -> None:
        if self._cut is not None:
            self._cut.cancel()
            self._cut = None

    async def _hold(self, longest: int) -> None:
        """Have one exchange held after the other until the daemon takes no more jobs."""
        while (now := time.monotonic()) < self._end:
            if (begin := self._daemon.hold_at(now)) > now:
                await _wait(self._room, begin - now)
                continue
            self._held, load = self._daemon.make_up(now, held=True), self._daemon.load
            # As the daemon, which cuts it off when it takes no more jobs.
            end = asyncio.get_running_loop().call_later(self._end - now, self._held_calls.cut)
            await asyncio.sleep(await self._held_exchange(self._held, load, longest))
            end.cancel()

    async def _held_exchange(self, posted: Exchange, load: int, longest: int) -> float:
        """Make one held exchange; return the seconds until the next one."""
        began = time.monotonic()
        self._daemon.hold_started(posted, began)
        try:
            answer = await self._held_calls.hold(posted, load, longest)
        except (ServerError, TransportError) as error:
            if self._held_calls.is_cut:
                self._daemon.unanswered(posted)
                return DELAY
            self._daemon.lost(posted, time.monotonic(), error)
            return FAILURE_DELAY
        finally:
            self._held = None
            self._daemon.hold_ended(time.monotonic())
            self._news.set()
            self._cancel_cut()
        now = time.monotonic()
        self._daemon.apply(posted, answer, now, held=True)
        if answer.jobs or answer.holds or now >= began + EARLY_SECONDS:
            return DELAY
        return EARLY_DELAY


class ExchangeSimulator:
    """The daemons of one part, with their journal and their errors."""

    # Seconds for which daemons were held back; there is no allowance here, as they use little.
    held = 0.0

    def __init__(self, part: Part) -> None:
        """Create the daemons; no call is made yet."""
        begin = time.monotonic() + part.begin - time.time()
        self.latencies = Latencies()
        self.ledger = Ledger(Path(part.ledger))
        self.mistakes: list[str] = []
        self._daemons = [
            DaemonTasks(part, number, self.latencies, self.ledger, begin)
            for number in range(len(part.daemons))
        ]

    def run(self) -> None:
        """Return when all daemons have ended."""
        # Two connections each.
        _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        asyncio.run(self._run())
        self.ledger.close()

    async def _run(self) -> None:
        found = await asyncio.gather(*(one.live() for one in self._daemons), return_exceptions=True)
        mistakes = [one for one in found if isinstance(one, BaseException)]
        self.mistakes = ["".join(traceback.format_exception(one)) for one in mistakes]


async def _wait(event: asyncio.Event, seconds: float) -> None:
    """Wait for a number of seconds, or until an event, which is cleared."""
    with suppress(TimeoutError):
        await asyncio.wait_for(event.wait(), seconds)
    event.clear()
