"""Whose job comes next: the rule, its numbers, and a month of it."""

import heapq
import math
import random
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lgi_server.services.scheduling import fair_share, ordering, renumbering
from lgi_server.services.scheduling.fair_share import QueuedJob, Usage, order

HOUR, DAY = 3600, 86_400
Rule = Callable[[Sequence[QueuedJob], Usage], list[int]]


def job(number: int, *owners: str, targets: tuple[str, ...] = ("any",)) -> QueuedJob:
    """A queued job."""
    return QueuedJob(number, "vasp", owners, targets)


def owners_in_order(jobs: Iterable[QueuedJob], usage: Usage) -> str:
    """The first letters of the users whose jobs come one after the other."""
    jobs = list(jobs)
    by_number = {one.job_id: one for one in jobs}
    return "".join(by_number[number].owners[0][0] for number in order(jobs, usage))


EQUAL = Usage({}, {})


def test_the_jobs_of_one_user_are_first_in_first_out() -> None:
    """Their order does not depend on what the user has used."""
    jobs = [job(number, "anna") for number in (5, 3, 9)]

    assert order(jobs, Usage({"user anna": 1e6}, {})) == [5, 3, 9]


def test_two_users_take_turns_however_many_jobs_one_has() -> None:
    """The user who submitted first begins."""
    jobs = [job(number, "anna") for number in range(8)] + [job(number, "ben") for number in range(8, 11)]

    assert owners_in_order(jobs, EQUAL) == "ababab" + "aaaaa"


def test_a_user_who_has_used_less_comes_first_for_as_many_jobs_as_that_is() -> None:
    """Two hours less are two jobs of an hour."""
    jobs = [job(number, "anna") for number in range(4)] + [job(number, "ben") for number in range(4, 8)]

    assert owners_in_order(jobs, Usage({"user anna": 2.5 * HOUR}, {})) == "bbababaa"


def test_a_user_of_twice_the_weight_has_twice_the_share() -> None:
    """Three jobs of one to one of the other for a weight of three."""
    jobs = [job(number, "anna") for number in range(6)] + [job(number, "ben") for number in range(6, 8)]

    assert owners_in_order(jobs, Usage({}, {"user anna": 3.0})) == "abaaabaa"


def test_a_group_with_a_weight_shares_as_one() -> None:
    """Three users of a group get together what one user has who is in none; among them it is shared too."""
    members = ["anna", "ben", "carl"]
    jobs = [job(10 * at + number, name, "theor") for at, name in enumerate(members) for number in range(2)]
    jobs += [job(100 + number, "dora", "other") for number in range(6)]

    assert owners_in_order(jobs, Usage({}, {"group theor": 1.0})) == "adbdcdadbdcd"
    assert owners_in_order(jobs, EQUAL) == "abcdabcddddd"


def test_jobs_that_wait_for_other_resources_take_no_turns() -> None:
    """A hundred jobs for a resource that is off do not put a user behind others elsewhere."""
    jobs = [job(number, "anna", targets=("off",)) for number in range(100)]
    jobs += [job(200, "anna"), job(201, "ben"), job(202, "ben")]

    elsewhere = [number for number in order(jobs, EQUAL) if number >= 200]
    assert elsewhere == [200, 201, 202]


def test_the_example_of_the_page_is_true() -> None:
    """docs/fair_share.md: three users, what they have used, and a weight."""
    count = {"anna": 1000, "ben": 40, "carl": 40}
    jobs = [job(1000 * at + number, name) for at, name in enumerate(count) for number in range(count[name])]
    used = {"user anna": 33.0 * HOUR, "user ben": 32.5 * HOUR}

    said = owners_in_order(jobs, Usage(used, {}))
    weighted = owners_in_order(jobs, Usage(used, {"user anna": 3.0}))

    assert said.startswith(32 * "c" + "bc" + 7 * "abc" + "abab")
    assert weighted.startswith(11 * "c" + "aca" + "aaca" + "aaca")


def test_the_function_of_the_page_can_be_used(tmp_path: Path) -> None:
    """docs/fair_share.md: the jobs of a course first, the others by LGI's rule."""
    page = (Path(__file__).parents[2] / "docs" / "fair_share.md").read_text()
    (tmp_path / "order.py").write_text(page.partition("```python\n")[2].partition("```")[0])
    jobs = [job(1, "anna"), job(2, "anna"), job(3, "ben"), job(4, "carl", "course")]

    assert ordering.load(tmp_path / "order.py")(jobs, EQUAL) == [4, 1, 3, 2]


def test_use_counts_half_after_a_half_life() -> None:
    """A run that has just ended counts almost fully, a long one less than its seconds."""
    week = 7 * DAY

    now = fair_share.decayed_seconds(0, HOUR, HOUR, week)
    assert now == pytest.approx(HOUR, rel=0.01)
    assert fair_share.decayed_seconds(0, HOUR, HOUR + week, week) == pytest.approx(now / 2)
    assert fair_share.decayed_seconds(0, 100 * week, 100 * week, week) == pytest.approx(
        week / math.log(2), rel=0.01
    )


@given(st.lists(st.integers(-2000, 50), max_size=30), st.randoms())
def test_new_numbers_ascend_in_the_wanted_order(numbers: list[int], chance: random.Random) -> None:
    """All of them are below zero then; an order that was given numbers once needs no others."""
    have = dict(enumerate(numbers))
    wanted = list(have)
    chance.shuffle(wanted)

    changed = renumbering.renumber_priorities(wanted, have)
    after = [(have | changed)[one] for one in wanted]

    assert after == sorted(set(after))
    assert all(number < 0 for number in after)
    assert renumbering.renumber_priorities(wanted, have | changed) == {}


def test_few_numbers_change() -> None:
    """One job that comes into the middle, or leaves, changes its own."""
    first = renumbering.renumber_priorities(range(1000), dict.fromkeys(range(1000), 5))
    wanted = [*range(500), 2000, *range(500, 1000)]

    assert list(renumbering.renumber_priorities(wanted, first | {2000: 5})) == [2000]
    assert renumbering.renumber_priorities(range(100, 900), first) == {}
    assert len(renumbering.renumber_priorities([*range(1, 1000), 0], first)) == 1


def test_numbers_that_have_no_room_left_are_made_anew() -> None:
    """This happens when no number is left between two neighbours, or at the end of the range."""
    assert renumbering.renumber_priorities([1, 3, 2], {1: -11, 2: -10, 3: 7}) == {
        job_id: renumbering.START + place * renumbering.STEP for place, job_id in enumerate([1, 3, 2])
    }
    assert renumbering.renumber_priorities([1, 2], {1: -3, 2: 5})[2] < 0


# A month.

MONTH, SLOTS, HALF_LIFE, SHOWN = 30 * DAY, 24, 7 * DAY, 16


class Month:
    """A project with invented time: users that submit, resources that take what comes first."""

    def __init__(self, seed: int, weights: dict[str, float], rule: Rule = order) -> None:
        self.rule = rule
        self.chance = random.Random(seed)  # noqa: S311
        self.weights = weights
        self.queues: dict[str, deque[tuple[QueuedJob, int]]] = defaultdict(deque)
        self.running: dict[int, tuple[str, int]] = {}
        self.ended: list[tuple[str, int, int]] = []
        self.received: Counter[str] = Counter()
        self.asked: Counter[str] = Counter()
        self.number = 0
        self.faded: dict[str, tuple[float, int]] = {}

    def submit(self, owners: tuple[str, ...], seconds: int) -> None:
        """A job that will last so long."""
        self.number += 1
        self.queues[owners[0]].append((QueuedJob(self.number, "vasp", owners, ("any",)), seconds))
        self.asked[owners[0]] += seconds

    def usage(self, now: int) -> Usage:
        """Return usage as the scheduler passes it to the rule: ended and running jobs."""
        seconds: dict[str, float] = defaultdict(float)
        for name, (amount, at) in self.faded.items():
            seconds[name] += amount * fair_share.decay(now - at, HALF_LIFE)
        for names, began in self.running.values():
            for name in names:
                seconds[name] += max(HOUR, fair_share.decayed_seconds(began, now, now, HALF_LIFE))
        return Usage(seconds, self.weights)

    def start_next(self, now: int) -> tuple[int, int] | None:
        """Begin the job that comes first; its number and its end."""
        heads = [queue[place][0] for queue in self.queues.values() for place in range(min(SHOWN, len(queue)))]
        if not heads:
            return None
        heads.sort(key=lambda one: one.job_id)
        chosen = self.rule(heads, self.usage(now))[0]
        owner = next(one.owners[0] for one in heads if one.job_id == chosen)
        found, seconds = self.queues[owner].popleft()
        names = (f"user {owner}", *(f"group {group}" for group in found.owners[1:]))
        self.running[chosen] = (names, now)  # type: ignore[assignment]
        return chosen, now + seconds

    def end(self, number: int, now: int) -> None:
        """A job ends."""
        names, began = self.running.pop(number)
        self.received[names[0].removeprefix("user ")] += now - began
        for name in names:
            amount, at = self.faded.get(name, (0.0, now))
            more = fair_share.decayed_seconds(began, now, now, HALF_LIFE)
            self.faded[name] = (amount * fair_share.decay(now - at, HALF_LIFE) + more, now)


# Owners, how many jobs they submit at once, how often (seconds), and how long each lasts (hours).
USERS: dict[tuple[str, ...], tuple[int, int, float]] = {
    ("anna",): (2000, 10 * DAY, 6.0),
    ("ben",): (40, DAY, 4.0),
    ("carl",): (10, 6 * HOUR, 2.0),
    ("dora",): (300, 3 * DAY, 12.0),
    ("emil",): (1, 12 * HOUR, 1.0),
    ("fred", "theor"): (500, 5 * DAY, 3.0),
    ("gina", "theor"): (500, 6 * DAY, 3.0),
}


def live(month: Month) -> None:
    """A month of submits and of resources that are never without work."""
    events: list[tuple[int, int, str, object]] = []
    for owners, (count, period, hours) in USERS.items():
        for at in range(month.chance.randrange(period), MONTH, period):
            events.append((at, len(events), "submit", (owners, count, hours)))
    heapq.heapify(events)
    free, serial = SLOTS, len(events)
    while events and events[0][0] < MONTH:
        now, _, what, told = heapq.heappop(events)
        if what == "submit":
            owners, count, hours = told  # type: ignore[misc]
            for _ in range(count):
                month.submit(owners, int(hours * HOUR * month.chance.uniform(0.5, 1.5)))
        else:
            month.end(told, now)  # type: ignore[arg-type]
            free += 1
        while free and (started := month.start_next(now)):
            free, serial = free - 1, serial + 1
            heapq.heappush(events, (started[1], serial, "end", started[0]))
    for number in list(month.running):
        month.end(number, MONTH)


def fair_parts(asked: dict[str, float], weights: dict[str, float], all_there_is: float) -> dict[str, float]:
    """Return fair parts: none exceeds its demand, and the rest is shared by weight."""
    parts: dict[str, float] = {}
    left = dict(asked)
    while left:
        unit = all_there_is / sum(weights[name] for name in left)
        modest = [name for name in left if left[name] <= unit * weights[name]]
        if not modest:
            return parts | {name: unit * weights[name] for name in left}
        for name in modest:
            parts[name] = left.pop(name)
            all_there_is -= parts[name]
    return parts


def jain(values: Iterable[float]) -> float:
    """Jain's index: 1 when all are equal, 1/n when one has everything."""
    found = list(values)
    return sum(found) ** 2 / (len(found) * sum(value * value for value in found))


def lived(weights: dict[str, float], rule: Rule = order) -> dict[str, float]:
    """What every account got in a month, over what is fair."""
    month = Month(7, weights, rule)
    live(month)
    accounts = {owners[0]: owners[0] for owners in USERS}
    if "group theor" in weights:
        accounts |= {"fred": "theor", "gina": "theor"}
    asked: Counter[str] = Counter()
    received: Counter[str] = Counter()
    for name, account in accounts.items():
        asked[account] += month.asked[name]
        received[account] += month.received[name]
    by_name = {name.split()[1]: weight for name, weight in weights.items()}
    fair = fair_parts(dict(asked), {name: by_name.get(name, 1.0) for name in asked}, SLOTS * MONTH)
    assert sum(received.values()) > 0.98 * SLOTS * MONTH
    return {name: received[name] / fair[name] for name in asked}


@pytest.mark.parametrize("weights", [{}, {"user anna": 2.0, "group theor": 1.0}], ids=["equal", "weights"])
def test_a_month_of_mixed_users_is_fair(weights: dict[str, float]) -> None:
    """Jain's index of what everybody got, over what is fair, is above 0.95; the least is above 0.8."""
    parts = lived(weights)

    assert jain(parts.values()) > 0.95, parts
    assert min(parts.values()) > 0.8, parts


def test_first_in_first_out_is_not_fair() -> None:
    """The same month without the rule: what is claimed above can be missed."""
    parts = lived({}, lambda jobs, usage: [one.job_id for one in jobs])

    assert jain(parts.values()) < 0.8, parts
