"""Owner rules and job limits."""

import pytest

from lgi_daemon.claiming.limits import Level, full_level, owners_filter, rejection_reason
from lgi_daemon.claiming.offer_pages import free_slots
from lgi_daemon.claiming.wants import want
from lgi_daemon.config.rules import LimitRules
from lgi_protocol import demand
from lgi_protocol.demand import Demand


def level(
    allow: dict[str, int] | None = None,
    deny: tuple[str, ...] = (),
    limit: int = 10,
    jobs: tuple[tuple[str, ...], ...] = (),
) -> Level:
    """A level called "here"."""
    return Level("here", LimitRules(allow or {}, deny, limit), jobs)


def test_a_job_of_an_owner_with_room_is_taken() -> None:
    """An own entry above the number of jobs is enough."""
    assert rejection_reason([level({"alice": 2}, jobs=(("alice",),))], ["alice"]) == ""


def test_an_owner_at_the_limit_is_refused_with_its_number() -> None:
    """The rejection_reason names owner, level and limit."""
    why = rejection_reason([level({"alice": 1}, jobs=(("alice",),))], ["alice"])

    assert why == "alice has the 1 jobs that here allows"


def test_the_word_any_counts_for_each_unnamed_owner_by_itself() -> None:
    """any 1 lets bob in although alice has a job."""
    here = level({"any": 1}, jobs=(("alice",),))

    assert rejection_reason([here], ["bob"]) == ""
    assert rejection_reason([here], ["alice"]) != ""


def test_an_own_entry_wins_over_any() -> None:
    """With mark 2 and any 1, mark may have a second job."""
    here = level({"mark": 2, "any": 1}, jobs=(("mark",),))

    assert rejection_reason([here], ["mark"]) == ""


def test_one_exceeded_owner_of_several_refuses_the_job() -> None:
    """Only if none of the owners would exceed any limit the job is taken."""
    here = level({"alice": 1, "theor": 5}, jobs=(("alice", "theor"),))

    assert "alice" in rejection_reason([here], ["theor", "alice"])


def test_one_denied_owner_refuses_the_job() -> None:
    """owner_deny beats every owner_allow."""
    assert (
        rejection_reason([level({"any": 5}, deny=("evil",))], ["mark", "evil"])
        == "owner_deny of here names evil"
    )


def test_no_job_is_taken_without_an_entry() -> None:
    """As LGI: with an empty owner_allow at all levels no owner may have a job."""
    assert rejection_reason([level(), level()], ["mark"]) == "no owner_allow names any of mark"


def test_an_entry_at_one_level_is_enough() -> None:
    """A level that says nothing of an owner does not refuse it."""
    assert rejection_reason([level(), level({"mark": 1})], ["mark"]) == ""


def test_a_full_level_refuses_everybody() -> None:
    """job_limit counts jobs of all owners."""
    here = level({"any": 9}, limit=2, jobs=(("a",), ("b",)))

    assert rejection_reason([here], ["c"]) == "here has reached its job_limit of 2 jobs"
    assert full_level([level({"any": 9}), here]) == "here"


def test_a_job_counts_once_for_each_of_its_owners() -> None:
    """A repeated owner of one job is one job."""
    here = level({"any": 2}, jobs=(("mark", "mark", "theor"),))

    assert rejection_reason([here], ["mark"]) == ""


@pytest.mark.parametrize(
    ("here", "expected"),
    [
        (level({"alice": 1, "bob": 1}, deny=("evil",)), "alice, bob, !evil"),
        (level({"any": 4}), ""),
        (level({"any": 4, "alice": 1}, jobs=(("alice",),)), "!alice"),
        (level({"any": 1}, jobs=(("carol",),)), "!carol"),
        (level({"alice": 1, "bob": 1}, jobs=(("alice",),)), "bob, !alice"),
    ],
)
def test_the_filter_names_who_can_be_taken_and_who_cannot(here: Level, expected: str) -> None:
    """It has the allowed owners unless all are, then the refused ones with an exclamation mark."""
    assert owners_filter([here]) == expected


def test_the_filter_names_those_whom_every_level_allows() -> None:
    """Jobs of others would be given out, rejected and given back."""
    resource, application = level({"any": 10}), level({"any": 0, "boss@desk": 1, "admin": 1})

    assert owners_filter([resource, application]) == "admin, boss@desk"
    assert owners_filter([resource, level({"any": 1})]) == ""
    assert owners_filter([resource, level({"boss@desk": 1})]) == ""


@pytest.mark.parametrize("allow", [{"any": 0, "boss@desk": 1, "admin": 1}, {"boss@desk": 1}])
def test_a_daemon_asks_for_nothing_while_all_who_may_have_jobs_have_them(allow: dict[str, int]) -> None:
    """A filter that only excludes them would bring the jobs of everybody else, to be given back."""
    resource = level({"any": 10} if "any" in allow else {})
    busy = level(allow, jobs=(("boss@desk", "admin"),))

    assert want("update", [resource, busy], ()) is None
    assert free_slots([resource, busy]) == 0
    assert want("update", [resource, level(allow)], ()) is not None


def test_a_level_that_allows_nobody_is_full() -> None:
    """It has no jobs for anybody: none are asked for."""
    assert full_level([level({"any": 10}), level({"any": 0})]) == "here"
    assert full_level([level({"any": 0, "boss@desk": 1})]) == ""
    assert want("command", [level(), level()], ()) is None


def test_the_filter_never_exceeds_what_a_server_takes() -> None:
    """Too many refused owners are left out, which brings offers that are refused here."""
    deny = tuple(f"owner{number:03}@somewhere" for number in range(40))

    found = owners_filter([level({"any": 1}, deny=deny)])

    assert 200 < len(found.encode()) <= 254


def test_the_owners_asked_for_are_left_out_altogether_when_they_do_not_fit() -> None:
    """A partial list of allowed names would hide the jobs of the others."""
    allow = {f"owner{number:03}@somewhere": 1 for number in range(40)}

    assert owners_filter([level(allow)]) == ""


@pytest.mark.parametrize(
    ("used", "asked", "why_not"),
    [
        (Demand(6, 0), Demand(2, 0), ""),
        (Demand(6, 0), Demand(3, 0), "here has a cpu_limit of 8: 6 in use, 3 requested"),
        (Demand(0, 0), Demand(9, 0), "here has a cpu_limit of 8: 0 in use, 9 requested"),
        (Demand(1, 3000), Demand(1, 1000), ""),
        (Demand(1, 3000), Demand(1, 1001), "here has a memory_limit of 4000: 3000 in use, 1001 requested"),
        (Demand(1, 4000), Demand(1, 0), ""),
    ],
)
def test_the_cores_and_memory_of_jobs_together_stay_within_the_limits(
    used: Demand, asked: Demand, why_not: str
) -> None:
    """The sums of all jobs of a level are each within its limit."""
    rules = LimitRules({"any": 9}, (), 9, cpu_limit=8, memory_limit=4000)

    assert rejection_reason([Level("here", rules, (("alice",),), used)], ["bob"], asked) == why_not


def test_a_level_without_a_free_core_is_full() -> None:
    """Work that could not be taken is not requested."""
    full = Level("here", LimitRules({"any": 9}, (), 9, cpu_limit=8), (("alice",),), Demand(8))

    assert full_level([full]) == "here"


@pytest.mark.parametrize(
    ("specifics", "asked"),
    [
        ("", Demand(1, 0)),
        ("<cpus> 4 </cpus> <memory>\n8000 </memory>", Demand(4, 8000)),
        ("<cpus>2</cpus><nodes> 3 </nodes>", Demand(6, 0)),
        ("<cpus> many </cpus> <memory> -1 </memory>", Demand(1, 0)),
        ("<cpus> 1 </cpus> <x> <cpus> 7 </cpus> </x>", Demand(7, 0)),
    ],
)
def test_the_cores_and_memory_of_a_job_are_read_from_its_specifics(specifics: str, asked: Demand) -> None:
    """One core when it does not say; the last word counts."""
    assert demand.demand_of(specifics) == asked
