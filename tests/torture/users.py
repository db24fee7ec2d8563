"""The users of a torture: they submit jobs, abort some, and note what they were answered."""

import random
import secrets
import threading
import time
from dataclasses import dataclass, field

from lgi_protocol.errors import ServerError, TransportError
from lgi_tools.client.idempotent_submit import submit_once
from lgi_tools.client.timing import Timing
from tests.support.grid import PROJECT, Grid, UserCalls
from tests.torture.resource import APPLICATION

# A submit without an answer is tried so long; it is submitted once all the same.
_PATIENCE = 300.0
_TIMING = Timing(retry_seconds=_PATIENCE)
# One job in so many is aborted.
_ABORTS = 20
_LONGEST_JOB = 3.0


@dataclass
class Answers:
    """What users were told: the token of each accepted job, and the jobs they had aborted."""

    accepted: dict[int, str] = field(default_factory=dict)
    aborted: set[int] = field(default_factory=set)
    refused: list[str] = field(default_factory=list)
    guard: threading.Lock = field(default_factory=threading.Lock)


class Users:
    """Keeps the queue at a length, up to a number of jobs, until it is stopped."""

    def __init__(self, grid: Grid, seed: int, jobs: int, queued: int) -> None:
        """Nobody submits yet."""
        self.answers = Answers()
        self._grid, self._jobs, self._queued = grid, jobs, queued
        self._stop = threading.Event()
        self._ended = 0
        # What went wrong in the users' own programs.
        self.faults: list[str] = []
        self._threads = [
            threading.Thread(target=self._go_on, args=(f"{seed} {number}", number), daemon=True)
            for number in range(1, 4)
        ]

    def start(self) -> None:
        """Begin to submit."""
        for thread in self._threads:
            thread.start()

    def note_ended(self, number: int) -> None:
        """Take note of how many jobs have ended so far."""
        self._ended = number

    def stop(self) -> None:
        """Submit no more; return when all answers are there. RuntimeError when one never comes."""
        self._stop.set()
        for thread in self._threads:
            thread.join(_PATIENCE + 60)
            if thread.is_alive():
                raise RuntimeError("a user still waits for an answer")

    def _go_on(self, seed: str, number: int) -> None:
        """Submit and abort until the end; a fault of the user's own program ends the torture."""
        try:
            self._live(seed, number)
        except Exception as error:  # noqa: BLE001 - whatever it was, the torture has failed
            self.faults.append(repr(error))

    def _live(self, seed: str, number: int) -> None:
        chance = random.Random(seed)  # noqa: S311 - a plan that can be repeated, no secret
        user = self._grid.user(f"user{number}@torture", None)
        while not self._stop.is_set():
            waiting = len(self.answers.accepted) - self._ended
            if len(self.answers.accepted) >= self._jobs or waiting >= self._queued:
                time.sleep(0.1)
                continue
            self._submit(user, chance)

    def _submit(self, user: UserCalls, chance: random.Random) -> None:
        token = f"{chance.getrandbits(64):016x}"
        text = f"{chance.uniform(0, _LONGEST_JOB):.2f} {token}\n"
        fields = {
            "project": PROJECT,
            "user": user.name,
            "groups": user.groups,
            "application": APPLICATION,
            "target_resources": "any",
            "input": text.encode().hex(),
        }
        try:
            job_id = _submitted(user, fields)
        except (ServerError, TransportError) as refused:
            with self.answers.guard:
                self.answers.refused.append(str(refused)[:200])
            time.sleep(0.5)
            return
        with self.answers.guard:
            self.answers.accepted[job_id] = token
        if chance.randrange(_ABORTS) == 0:
            self._abort(user, job_id, chance.uniform(0, 8))

    def _abort(self, user: UserCalls, job_id: int, after: float) -> None:
        self._stop.wait(after)
        # Noted before it is asked: an answer that is lost may have been done.
        with self.answers.guard:
            self.answers.aborted.add(job_id)
        try:
            user.delete(job_id)
        except (ServerError, TransportError):
            return


def _submitted(user: UserCalls, fields: dict[str, str]) -> int:
    """Return the job of a submit, which is repeated as the same one while nobody listens."""
    fields = fields | {"request_id": secrets.token_hex(16)}
    end = time.monotonic() + _PATIENCE
    while True:
        try:
            reply = submit_once(user.client, "interfaces/interface_submit_job", fields, timing=_TIMING)
            return reply.number("job", "job_id")
        except TransportError as nobody:
            if nobody.sent or time.monotonic() > end:
                raise
            time.sleep(0.5)
