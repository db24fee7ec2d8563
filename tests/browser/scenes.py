"""A project as it is after some days, for looking at every page of it."""

import time

from lgi_protocol.resource_api import ResourceCalls
from tests.browser.visitors import Visitors
from tests.support import running_jobs
from tests.support.grid import Grid
from tests.support.pages import register

LOOK = """<hello_world> <version> 1.4 </version> </hello_world>
<vasp> <version> 6.4.2 </version> <cores> 64 </cores> </vasp>"""
OUTPUT = """VASP 6.4.2, 64 cores on node17
 entering main loop
       N       E                     dE             d eps       ncg     rms          rms(c)
DAV:   1     0.142360528534E+03    0.14236E+03   -0.27314E+04  2176   0.130E+03
DAV:   2    -0.182440619532E+02   -0.16060E+03   -0.15393E+03  2592   0.180E+02
DAV:   3    -0.241337021533E+02   -0.58896E+01   -0.58682E+01  2480   0.383E+01
 reached required accuracy - stopping structural energy minimisation
"""
INPUT = """SYSTEM = water on platinum
ENCUT = 450
ISMEAR = 1
EDIFF = 1E-6
"""
SPECIFICS = "<cpus> 64 </cpus> <memory> 128000 </memory> <walltime> 14400 </walltime> <own> 1 </own>"
STATES = ["finished"] * 9 + ["running", "queued", "finished", "aborted", "running", "queued", "queued"]
PAGES = {
    "menu": "",
    "month": "?period=month",
    "jobs": "jobs",
    "job": "jobs/{job}",
    "queued": "jobs/{queued}",
    "binary": "jobs/{binary}",
    "delete": "jobs/{job}/delete",
    "submit": "submit",
    "resources": "resources",
    "resource": "resources/hpc@cluster.example.org",
    "file": "jobs/{job}/files/view?name=results.csv",
    "servers": "servers",
    "usage": "usage",
    "certificate": "certificate",
    "refusal": "jobs/99999",
}
# What administrators see.
ADMINISTRATION = {
    "administration": "administration",
    **{name: f"administration/{name}" for name in ("health", "rules", "users", "log")},
    "registered": "administration/resources",
    "question": "administration/change?action=drain&name=hpc@cluster.example.org",
}
PUBLIC = {"landing": "", "document": "documents/user_guide"}
# All that a user sees.
NAMES = (*PUBLIC, *PAGES)


def play(grid: Grid) -> dict[str, int]:
    """Fill an empty project; the numbers of the jobs that pages are made of."""
    now = int(time.time())
    cluster = grid.resource("hpc@cluster.example.org", LOOK)
    job = _job(grid, cluster, now)
    grid.resource("laptop@desk", "<hello_world> </hello_world>")
    register(grid, "old@attic", now - 90000, "<hello_world> </hello_world>")
    user = grid.user()
    user.groups = "theor, cyttron"
    for number, state in enumerate(STATES * 4):
        application = "vasp" if number % 3 else "hello_world"
        job_id = user.submit(application=application)
        target = "any" if state == "queued" else "hpc@cluster.example.org"
        stamp = now - (len(STATES) * 4 - number) * 17000
        grid.set_job(job_id, state=state, target_resources=target, state_time_stamp=stamp)
        if state != "queued":
            grid.set_job(job_id, started=stamp - 900 - number * 137)
        if state == "finished":
            grid.set_job(job_id, exit_code=int(number % 5 == 0))
    for ago, hours in ((0, 12), (31, 250), (93, 1741)):
        month = time.strftime("%Y%m", time.gmtime(now - ago * 86400))
        grid.run(
            "INSERT INTO job_usage (month, kind, name, application, resource, jobs, seconds)"
            " VALUES (%s, 'user', 'mark@laptop', 'vasp', 'hpc@cluster.example.org', %s, %s)",
            *(month, hours // 4, hours * 3600),
        )
    _past(grid, now)
    administrate(grid, now)
    queued = user.submit(read_access="bob@desk", write_access="theor", deadline=str(now + 90000))
    return {"job": job, "binary": _binary(grid, now), "queued": queued}


def administrate(grid: Grid, now: int) -> None:
    """Rules, weights, a revoked user, and the log of some changes."""
    grid.run("INSERT INTO administrators VALUES ('root@desk', %s, 'root')", now - 900_000)
    grid.run("INSERT INTO users_allowed VALUES ('mark@laptop', 'vasp', -20)")
    grid.run("INSERT INTO groups_denied VALUES ('guests', 'vasp')")
    grid.run("INSERT INTO share_weights VALUES ('group theor', 2.5)")
    grid.run("INSERT INTO revoked_users VALUES ('eve@desk', %s, 'root@desk', 'has left', 0)", now - 9000)
    changes = ("allow user mark@laptop, application vasp, limit -20", "revoke user eve@desk: has left")
    for number, description in enumerate(changes):
        grid.run(
            "INSERT INTO administration_log (changed_at, changed_by, means, description, version)"
            " VALUES (%s, 'root@desk', 'web interface', %s, %s)",
            *(now - 9000 + number, description, number + 3),
        )


def _past(grid: Grid, now: int) -> None:
    """The queue of a day and a month, with hours in which nobody has looked."""
    for seconds, number in ((3600, 24), (86400, 30)):
        for ago in range(number):
            begins = now - now % seconds - ago * seconds
            busy = (ago * 7) % 13 + 3 * (ago % 5)
            for name, part in (("", 9), ("mark@laptop", 2)):
                level = None if 14 < ago < 17 and not name else busy * part
                grid.run(
                    "INSERT INTO queue_history VALUES (%s, %s, %s, %s, %s, %s, %s)",
                    *(name, seconds, begins, level, part * (ago % 6) if level is not None else None),
                    *(busy * part // 3, ago % 4),
                )


def _job(grid: Grid, resource: ResourceCalls, now: int) -> int:
    """A job with a life, files, input and output."""
    user = grid.user()
    user.groups = "theor, cyttron"
    job_id = user.submit(application="vasp", job_specifics=SPECIFICS)
    running_jobs.take(grid, resource, application="vasp")
    resource.lock(str(job_id))
    resource.update(str(job_id), state="finished", output=OUTPUT.encode(), exit_code=0)
    resource.unlock(str(job_id))
    (row,) = grid.rows("SELECT repository FROM job_queue WHERE job_id = %s", job_id)
    place = grid.config.repository / str(row["repository"])[-3:] / str(row["repository"])
    for name, size in (("INCAR", 96), ("POSCAR", 1411), ("OUTCAR", 2_400_000)):
        (place / name).write_bytes(b"x" * size)
    for path in ("restart%2Fwave.h5", "restart%2Fcharge.h5", "restart%2Fold%2Fwave.h5"):
        (place / path).write_bytes(b"x" * 91_000)
    (place / "results.csv").write_text("step,energy\n" + "".join(f"{n},{-20 / n:.4f}\n" for n in range(1, 9)))
    grid.set_job(job_id, input=INPUT.encode(), job_specifics=SPECIFICS, state_time_stamp=now - 600)
    grid.set_job(job_id, submitted=now - 9000, started=now - 7800)
    for state, seconds in (("queued", 9000), ("running", 7800), ("finished", 600)):
        grid.run("UPDATE job_history SET change_time = %s WHERE new_state = %s", now - seconds, state)
    return job_id


def _binary(grid: Grid, now: int) -> int:
    job_id = grid.user().submit()
    data = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 2
    grid.set_job(job_id, state="aborted", output=data, state_time_stamp=now - 3000)
    return job_id


def address(visitors: Visitors, name: str, jobs: dict[str, int]) -> str:
    """Where a page is."""
    if name in PUBLIC:
        return f"{visitors.grid.url}/{PUBLIC[name]}"
    return f"{visitors.base}/{PAGES[name].format(**jobs)}"
