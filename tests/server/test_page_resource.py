"""The page of a resource in the web interface."""

import time

import pytest

from tests.support.grid import Grid
from tests.support.pages import Browser, register

pytestmark = pytest.mark.one_database

NAME = "hpc@cluster"
LOOK = """<vasp> &lt;max_cpus&gt; 64 &lt;/max_cpus&gt; &lt;max_nodes&gt; 1 &lt;/max_nodes&gt;
&lt;max_memory&gt; 8192 &lt;/max_memory&gt;
&lt;max_walltime&gt; 7200 &lt;/max_walltime&gt; &lt;images&gt; vasp:6.4, vasp:5 &lt;/images&gt; </vasp>
<hello_world> </hello_world>"""


def test_a_resource_has_a_page_with_limits_images_and_jobs(grid: Grid) -> None:
    """What it offers, what runs there, and what failed in the last day, as far as the user may read it."""
    grid.resource(NAME, LOOK)
    now = int(time.time())
    user = grid.user()
    there = {"application": "vasp", "target_resources": NAME}
    running, failed, old = (user.submit(**there) for _ in range(3))
    elsewhere = user.submit(application="vasp")
    secret = grid.user("eve@desk", ("phys",)).submit(job_name="secret", **there)
    for job_id in (running, secret):
        grid.set_job(job_id, state="running", target_resources=NAME)
    for job_id, stamp in ((failed, now - 60), (old, now - 90_000)):
        grid.set_job(job_id, state="finished", exit_code=3, target_resources=NAME, state_time_stamp=stamp)
    grid.set_job(elsewhere, state="aborted")
    browser = Browser(grid)

    (link,) = [link for link in browser.get("resources").links() if "/resources/" in link]
    page = browser.get(f"https://localhost:{grid.port}{link}")

    vasp, hello = sorted(page.rows(), key=lambda row: row["Application"], reverse=True)
    assert vasp["A job may have"] == "64 cores, 1 node, 8 GB of memory, 2h00m of time"
    assert (vasp["Runs now"], vasp["Images"]) == ("2", "vasp:6.4, vasp:5")
    assert (hello["A job may have"], hello["Images"]) == ("no limit told", "none told")
    jobs = [link.rpartition("/")[2] for link in page.links() if "/jobs/" in link]
    assert jobs == [str(running), str(failed)]
    assert "secret" not in page.text
    (all_failed,) = [link for link in page.links() if "ended=failed" in link]
    rows = browser.get(f"https://localhost:{grid.port}{all_failed}").rows()
    assert [row["Job"] for row in rows] == [str(failed)]


def test_a_resource_that_is_silent_or_drained_says_so(grid: Grid) -> None:
    """With the time, the reason, and what to do; no capability of it becomes markup."""
    register(grid, "old@attic", 1000, "<vasp> &lt;script&gt;x&lt;/script&gt; </vasp>")
    grid.run(
        "UPDATE active_resources SET drained_since = 2000, drain_reason = '<b>new disks'"
        " WHERE project_server = 0"
    )

    page = Browser(grid).get("resources/old@attic")

    assert "It gets no new jobs since 1970-01-01 00:33:20 UTC: <b>new disks." in page.text
    assert "It has not called since 1970-01-01 00:16:40 UTC" in page.text
    assert "<script>x</script>" in page.tree.xpath("//details//pre")[0].text
    assert all(one.get("src") for one in page.tree.xpath("//script"))


def test_a_resource_that_there_is_not_has_no_page(grid: Grid) -> None:
    """Nor a project server, whatever its name."""
    for name in ("none@there", "a/b", "LGI@localhost", "%3Cscript%3E"):
        assert Browser(grid).get(f"resources/{name}").status == 404


def test_the_own_server_was_never_away(grid: Grid) -> None:
    """It does not call itself."""
    (own,) = Browser(grid).get("servers").rows()

    assert own["Called last"] == "this server"
