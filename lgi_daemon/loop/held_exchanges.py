"""Exchanges that servers hold until there is news: a job for the room there is, an abort, a user who watches.

Reports are never in them: a job that ends is reported at once, on another connection. A held exchange that
asks for less than there is room for by now, or does not name a job that is here, is cut off and made anew.
"""

import logging
import math
from collections.abc import Callable, Collection, Mapping
from contextlib import ExitStack
from threading import Lock

from lgi_daemon.jobs.exchange_jobs import Held
from lgi_daemon.jobs.schedule import HELD_POLL_SECONDS
from lgi_daemon.loop.exchange_rounds import ExchangeRounds
from lgi_daemon.loop.exchanger import Exchanger
from lgi_daemon.loop.held_exchange import HeldExchange
from lgi_daemon.servers.connections import ServerConnections
from lgi_protocol.deadline import ending
from lgi_protocol.errors import TransportError
from lgi_protocol.exchange import ExchangeAnswer

log = logging.getLogger(__name__)

# Seconds between two held exchanges: after news, and after an answer without any that came early.
DELAY, EARLY_DELAY = 0.02, 0.5
# An answer is early that comes sooner than so many seconds.
EARLY_SECONDS = 0.5
# While there is no room an exchange is held for aborts only. It begins so long after an exchange of a worker:
# jobs that end soon would have another made each time.
CALM_SECONDS = 1.0


class HeldExchanges:
    """The held exchanges of a daemon, at most one with each project and server."""

    def __init__(
        self,
        exchanger: Exchanger,
        rounds: ExchangeRounds,
        servers: ServerConnections,
        clock: Callable[[], float],
    ) -> None:
        """Measure with ``clock``, in seconds."""
        self._exchanger = exchanger
        self.rounds = rounds
        self._servers = servers
        self._clock = clock
        self._guard = Lock()
        self._held: dict[tuple[str, str], HeldExchange] = {}
        self._begun: set[tuple[str, str]] = set()
        self._closed = False
        # How often all were cut off: one that was made up before the last time is, too.
        self._renewals = 0
        # When a worker made its last exchange with each server, and for what there was room after that.
        self._answered_at: dict[tuple[str, str], float] = {}
        self._required: dict[tuple[str, str], Mapping[str, str]] = {}
        # Called with project and server when there is room that no held exchange asks for.
        self.on_room: Callable[[str, str], None] = lambda _project, _server: None
        # Called when there is something to do.
        self.wake: Callable[[], None] = lambda: None

    def hold(self, project: str, server: str, seconds: int) -> float | None:
        """Make one exchange that is held for at most ``seconds``; return the seconds until the next.

        Return None when the server takes no exchanges. Raise the errors of a call.
        """
        if self._closed:
            return EARLY_DELAY
        announcement = self.rounds.current(project, server)
        if announcement is None:
            return None
        self._exchanger.vacancies.ask_scripts(project)
        place = project, server
        self._begun.add(place)
        with ExitStack() as until_end, self._servers.tracking(server):
            calls = self._servers.connect(project, server)
            self._required.pop(place, None)
            renewals = self._renewals
            outgoing = self._exchanger.make_up(announcement, calls, until_end, is_held=True)
            self.rounds.record_capacity(project, server, is_full=outgoing.vacancies.full)
            began = self._clock()
            calm_at = self._answered_at.get(place, -CALM_SECONDS) + CALM_SECONDS
            if not outgoing.vacancies.wants and began < calm_at:
                return calm_at - began
            again = self._exchanger.considered_again(project, server)
            seconds = min(seconds, max(1, math.ceil(again or seconds)))
            held = HeldExchange.of(outgoing, hears_unnamed=announcement.sign_up.hears_unnamed)
            self._register(place, held, renewals)
            try:
                self._exchanger.exchange_jobs.start_hold(one.job for one in outgoing.held)
                with ending(held.call_end):
                    answer = self._exchanger.send(outgoing, calls, seconds)
            except TransportError:
                if held.call_end.has_ended:
                    return DELAY
                self.rounds.failed(project, server)
                raise
            finally:
                self._unregister(place)
                self._exchanger.exchange_jobs.end_hold(self._exchanger.jobs_of(project, server))
            self._exchanger.apply(outgoing, answer, announcement)
        if self._exchanger.has_new_returns(outgoing, announcement):
            self.rounds.start(project, server)
        return self._next(answer, began, is_complete=all(map(held.has_named, self._here(project, server))))

    def _register(self, place: tuple[str, str], held: HeldExchange, renewals: int) -> None:
        with self._guard:
            self._held[place] = held
            is_old = self._closed or renewals != self._renewals
            # There may be room since this exchange was made up.
            if is_old or not held.asks_for_all(self._required.get(place, {})):
                held.call_end.end()

    def _here(self, project: str, server: str) -> list[Held]:
        """Return the jobs that an exchange would name now."""
        return self._exchanger.exchange_jobs.holds(self._exchanger.jobs_of(project, server), ())

    def _unregister(self, place: tuple[str, str]) -> None:
        with self._guard:
            self._held.pop(place, None)

    def _next(self, answer: ExchangeAnswer, began: float, *, is_complete: bool) -> float:
        """Return the seconds until the next; there may be news of a job that this one has not named."""
        if answer.jobs or answer.holds or answer.watched or answer.attaches:
            self.wake()
            return DELAY
        return DELAY if self._clock() >= began + EARLY_SECONDS or not is_complete else EARLY_DELAY

    @property
    def busy(self) -> bool:
        """Whether an exchange is under way."""
        return bool(self._held)

    def close(self) -> None:
        """Cut off all held exchanges, and those to come: what they bring is for the next daemon."""
        self._closed = True
        self.renew()

    def renew(self) -> None:
        """Cut off all held exchanges: what they ask for has changed."""
        with self._guard:
            self._renewals += 1
            for one in self._held.values():
                one.call_end.end()

    def require(self, project: str, server: str, applications: Mapping[str, str]) -> None:
        """Have an exchange held that asks for jobs of these applications and owners, for which there is room.

        One that is held without them is cut off: it may exclude the owner of a job that has ended.
        Called after each exchange of a worker.
        """
        with self._guard:
            self._answered_at[project, server] = self._clock()
            self._required[project, server] = applications
            held = self._held.get((project, server))
        if held is None and applications:
            self.on_room(project, server)
        elif held is not None and not held.asks_for_all(applications):
            held.call_end.end()

    def slot_freed(self) -> None:
        """Cut off held exchanges that exclude an owner without need, since a job is gone now.

        A report may not have said so. Applications without room are asked for by `ExchangeRounds.slot_freed`.
        """
        with self._guard:
            held = list(self._held.items())
        for (project, server), one in held:
            if not any(one.applications.values()):
                continue
            owners = self._exchanger.vacancies.owners(project, server)
            known = {name: owners[name] for name in one.applications if name in owners}
            if not one.asks_for_all(known):
                one.call_end.end()

    def has_begun(self, project: str, server: str) -> bool:
        """Return whether one exchange after the other is held by a server."""
        return (project, server) in self._begun

    def asks_for(self, project: str, server: str, references: Collection[str]) -> bool:
        """Return whether a held exchange posts these references: the server answers with their jobs."""
        with self._guard:
            held = self._held.get((project, server))
        return held is not None and held.names.issuperset(references)

    def replaces_cycle(self, project: str, server: str) -> bool:
        """Return whether a worker's exchange would ask for nothing that a held one does not ask for.

        Not for long after the last one of a worker: a connection may be dead without a sign of it.
        """
        place = project, server
        with self._guard:
            held, required = self._held.get(place), self._required.get(place, {})
            is_recent = self._clock() < self._answered_at.get(place, -HELD_POLL_SECONDS) + HELD_POLL_SECONDS
        return held is not None and held.complete and held.asks_for_all(required) and is_recent

    def tick(self) -> None:
        """Cut off held exchanges that do not serve jobs which are here for a while, or ask for too much.

        What asks for jobs since before the disk was full would bring one that cannot be stored.
        """
        with self._guard:
            held = list(self._held.items())
        now, is_short = self._clock(), bool(held) and self._exchanger.disk.is_short()
        for (project, server), one in held:
            if is_short and one.applications:
                one.call_end.end()
            here = self._here(project, server)
            # Those that it names are polled a while after its begin.
            unnamed = [job.job for job in here if one.serves(job) and not one.has_named(job)]
            self._exchanger.exchange_jobs.start_hold(unnamed)
            if all(map(one.serves, here)):
                one.incomplete_since = None
            elif one.incomplete_since is None:
                one.incomplete_since = now
            elif now >= one.incomplete_since + CALM_SECONDS:
                one.call_end.end()
