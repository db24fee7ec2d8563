"""Jobs that request GPUs go to resources that have them, and keep no other jobs from the others."""

from lgi_protocol.exchange import Exchange, Want
from tests.server.test_arrays import elements, post
from tests.server.test_explain import explain
from tests.support.exchanges import HELLO, ExchangingDaemon, daemon, references
from tests.support.grid import CAPABILITIES, Grid

ONE = "<gpus> 1 </gpus>"


def given(one: ExchangingDaemon, count: int, gpus: int | None = None) -> list[int]:
    """The jobs that a daemon gets for a want."""
    want = Want(HELLO, count, gpus=gpus)
    jobs = one.post(Exchange(wants=(want,), references=references(count))).jobs
    return [int(job.description.job_id) for job in jobs]


def test_a_job_for_gpus_goes_to_a_resource_that_has_them(grid: Grid) -> None:
    """As many as are free: what they request together is within the want."""
    user, one = grid.user(), daemon(grid)
    jobs = [user.submit(job_specifics=text) for text in ("<gpus> 2 </gpus>", "<gpus> 4 </gpus>", ONE, ONE)]

    without = given(one, 8), given(one, 8, gpus=0)
    some = given(one, 8, gpus=3)

    assert without == ([], [])
    assert some == [jobs[0], jobs[2]]


def test_a_resource_without_gpus_gets_the_jobs_behind_those_for_gpus(grid: Grid) -> None:
    """However many there are, and whatever it has free of them."""
    user, one = grid.user(), daemon(grid)
    post(user, elements(range(1, 201), job_specifics=ONE), 200)
    plain = [user.submit(), user.submit()]

    assert given(one, 4) == plain
    assert len(given(one, 4, gpus=4)) == 4


def test_a_few_free_gpus_keep_no_plain_job_waiting(grid: Grid) -> None:
    """The jobs in front request more than are free."""
    user, one = grid.user(), daemon(grid)
    post(user, elements(range(1, 101), job_specifics="<gpus> 4 </gpus>"), 100)
    plain = user.submit()

    assert given(one, 2, gpus=1) == [plain]


def test_a_resource_says_how_many_gpus_a_job_may_have(grid: Grid) -> None:
    """One that says nothing has none; LGI_explain names what is lacking."""
    user = grid.user()
    grid.resource("res1@cluster", CAPABILITIES)
    job_id = user.submit(job_specifics=ONE)

    before = explain(user, job_id).content
    grid.resource("res1@cluster", "<hello_world> <max_gpus> 2 </max_gpus> </hello_world>")
    after = explain(user, job_id).content

    assert "has no GPUs for jobs" in before
    assert "GPUs for jobs" not in after
