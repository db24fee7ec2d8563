"""Who may submit: the first rule that matches decides (wire.md 5)."""

import itertools

import pytest

from lgi_server.services.access.submit_rules import decide
from lgi_server.tables.submit_rules import SubmitRules
from tests.support.grid import Grid

# The rules in their order: which table, whose row, and what it says of user u in group g for application a.
ORDER = [
    ("users_denied", "u", "a"),
    ("users_denied", "u", "any"),
    ("users_denied", "any", "a"),
    ("users_denied", "any", "any"),
    ("users_allowed", "u", "a"),
    ("users_allowed", "u", "any"),
    ("groups_denied", "g", "a"),
    ("groups_denied", "g", "any"),
    ("groups_denied", "any", "a"),
    ("groups_denied", "any", "any"),
    ("groups_allowed", "g", "a"),
    ("groups_allowed", "g", "any"),
    ("users_allowed", "any", "a"),
    ("users_allowed", "any", "any"),
    ("groups_allowed", "any", "a"),
    ("groups_allowed", "any", "any"),
]


def rules_of(rows: list[tuple[str, str, str]]) -> SubmitRules:
    """Rules whose limit shows which row decided."""
    allowed = {row: ORDER.index(row) + 1 for row in rows}
    return SubmitRules(
        users_allowed={row[1:]: limit for row, limit in allowed.items() if row[0] == "users_allowed"},
        groups_allowed={row[1:]: limit for row, limit in allowed.items() if row[0] == "groups_allowed"},
        users_denied=frozenset(row[1:] for row in rows if row[0] == "users_denied"),
        groups_denied=frozenset(row[1:] for row in rows if row[0] == "groups_denied"),
    )


def test_the_first_rule_that_matches_decides_in_every_combination() -> None:
    """All 2^16 sets of rows: a denying row first means no, an allowing one means yes with its limit."""
    for chosen in itertools.product([False, True], repeat=len(ORDER)):
        rows = [row for row, there in zip(ORDER, chosen, strict=True) if there]

        said = decide(rules_of(rows), "u", "g", "a")

        first = rows[0] if rows else None
        if first is None or first[0].endswith("denied"):
            assert not said.allowed
        else:
            assert (said.allowed, said.limit) == (True, ORDER.index(first) + 1)
            counts_the_user = first[0] == "users_allowed"
            assert said.counted == ("u" if counts_the_user else "g")


def set_rules(grid: Grid, *rows: tuple[str, str, str, int]) -> None:
    """Only these rules."""
    for kind in ("users", "groups"):
        for rule in ("allowed", "denied"):
            grid.run(f"DELETE FROM {kind}_{rule}")
    for table, name, application, limit in rows:
        values = (name, application, limit) if table.endswith("allowed") else (name, application)
        grid.run(f"INSERT INTO {table} VALUES ({', '.join(['%s'] * len(values))})", *values)


def test_a_positive_limit_counts_jobs_in_any_state(grid: Grid) -> None:
    """Limit 2: the third job is refused, also when one is finished (error 33)."""
    grid.resource()
    user = grid.user()
    set_rules(grid, ("users_allowed", "mark@laptop", "hello_world", 2))
    first, _second = user.submit(), user.submit()
    grid.set_job(first, state="finished")

    refused = user.refusal("interface_submit_job", application="hello_world", target_resources="any")

    assert refused == 33
    assert len(grid.rows("SELECT job_id FROM job_queue")) == 2


def test_a_negative_limit_counts_queued_and_running_jobs(grid: Grid) -> None:
    """Limit -1: refused while one is queued, accepted when it has finished."""
    grid.resource()
    user = grid.user()
    set_rules(grid, ("users_allowed", "mark@laptop", "any", -1))
    first = user.submit()

    refused = user.refusal("interface_submit_job", application="hello_world", target_resources="any")
    grid.set_job(first, state="finished")

    assert refused == 33
    assert user.submit() > first


@pytest.mark.parametrize(("limit", "after_one_finished"), [(2, 33), (-2, 0)])
def test_a_limit_of_a_group_counts_the_jobs_of_all_its_members(
    grid: Grid, limit: int, after_one_finished: int
) -> None:
    """Positive: in any state; negative: queued and running; jobs for other groups are not counted."""
    grid.resource()
    mark, frank = grid.user("mark@laptop", ("theor",)), grid.user("frank@desk", ("theor", "chem"))
    set_rules(grid, ("groups_allowed", "theor", "any", limit), ("groups_allowed", "chem", "any", 0))
    fields = {"application": "hello_world", "target_resources": "any"}
    frank.groups = "chem"
    frank.submit()
    frank.groups = "theor"
    first, _second = mark.submit(), frank.submit()

    refused = [user.refusal("interface_submit_job", **fields) for user in (mark, frank)]
    grid.set_job(first, state="finished")

    assert refused == [33, 33]
    assert mark.refusal("interface_submit_job", **fields) == after_one_finished


def test_a_limit_of_an_application_counts_no_other(grid: Grid) -> None:
    """A row of the application decides before the row of any."""
    grid.resource(capabilities="<hello_world> </hello_world> <vasp> </vasp>")
    user = grid.user()
    set_rules(grid, ("users_allowed", "mark@laptop", "vasp", 1), ("users_allowed", "mark@laptop", "any", 0))
    for _ in range(3):
        user.submit()

    user.submit(application="vasp")

    assert user.refusal("interface_submit_job", application="vasp", target_resources="any") == 33
    assert user.submit() > 0


def test_a_limit_for_anybody_is_counted_for_each(grid: Grid) -> None:
    """The row of any in users_allowed gives every user as many jobs as it says; limit 0 is no limit."""
    grid.resource()
    mark, frank = grid.user(), grid.user("frank@desk", ("chem",))
    set_rules(grid, ("users_allowed", "any", "any", 1))
    fields = {"application": "hello_world", "target_resources": "any"}

    assert [user.refusal("interface_submit_job", **fields) for user in (mark, frank, mark)] == [0, 0, 33]
    grid.run("UPDATE users_allowed SET job_limit = 0")
    assert mark.refusal("interface_submit_job", **fields) == 0


def test_a_group_that_is_denied_does_not_own_the_job(grid: Grid) -> None:
    """A denied group is dropped; the others own the job with the user."""
    grid.resource()
    user = grid.user()
    user.groups = "theor, cyttron"
    set_rules(grid, ("groups_allowed", "any", "any", 0), ("groups_denied", "theor", "any", 0))

    job_id = user.submit()

    assert grid.rows("SELECT owners FROM job_queue WHERE job_id = %s", job_id) == [
        {"owners": "mark@laptop, cyttron"}
    ]


@pytest.mark.parametrize("table", ["users_denied", "groups_denied"])
def test_no_user_submits_without_a_rule_that_allows_it(grid: Grid, table: str) -> None:
    """No row, or a denying one: error 33."""
    grid.resource()
    user = grid.user()
    fields = {"application": "hello_world", "target_resources": "any"}

    set_rules(grid)
    without = user.refusal("interface_submit_job", **fields)
    set_rules(grid, (table, "any", "any", 0), ("groups_allowed", "any", "any", 0))
    denied = user.refusal("interface_submit_job", **fields)

    assert (without, denied) == (33, 33)
