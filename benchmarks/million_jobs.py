"""Fills a database with jobs by a few statements of SQL: a million in a minute or two.

All jobs may be read by the administrators. One in 1000 is of each user; the first tenth is of a former user
and of a resource that is no more; 20 ran on the resource ``rare`` and have the label ``T=1``. The last 1200
are queued or running.
"""

from benchmarks import table_indexes
from lgi_server.db.pool import Database
from lgi_server.tables import job_access

# Seconds: the last change of the last job.
LAST = 1_700_000_000
# Jobs of one statement, which must not take a minute on MariaDB.
AT_ONCE = 100_000
_DIGITS = "SELECT 0 AS x" + "".join(f" UNION ALL SELECT {digit}" for digit in range(1, 10))
# The number of each job is n: AT_ONCE of them behind a first one.
_NUMBERS = (
    f"WITH digit AS ({_DIGITS}), numbers AS (SELECT {{}} + a.x + 10 * b.x + 100 * c.x + 1000 * d.x"
    " + 10000 * e.x AS n FROM digit a, digit b, digit c, digit d, digit e) "
)


def fill(database: Database, number: int, *, is_sqlite: bool) -> None:
    """Store a number of jobs, at most a million, in an empty database."""
    columns = _columns(number, is_sqlite)
    with table_indexes.dropped(database, is_sqlite=is_sqlite):
        for first in range(1, number + 1, AT_ONCE):
            part = columns | {"numbers": _NUMBERS.format(first), "where": f"n <= {number}"}
            for statement in (_jobs(part), *_access(part)):
                database.run(lambda one, sql=statement: one.run(sql))


def _columns(number: int, is_sqlite: bool) -> dict[str, str]:
    """Return the values of columns as SQL of n."""
    user = (
        "('user' || (n {mod} 1000) || '@campus')" if is_sqlite else "CONCAT('user', MOD(n, 1000), '@campus')"
    )
    some = "n {mod} {} = 7" if is_sqlite else "MOD(n, {}) = 7"

    def one_in(share: int) -> str:
        return some.format(share, mod="%")

    user = user.format(mod="%")
    rare = one_in(max(8, number // 20))
    active = f"WHEN n > {number - 200} THEN 'running' WHEN n > {number - 1200} THEN 'queued'"
    late = f"n > {number - 1200}"
    res = "('res' || (n % 20))" if is_sqlite else "CONCAT('res', MOD(n, 20))"
    return {
        "owner": f"CASE WHEN n <= {number // 10} THEN 'former@campus' ELSE {user} END",
        "target": f"CASE WHEN {rare} THEN 'rare' WHEN n <= {number // 10} THEN 'old' ELSE {res} END",
        "state": f"CASE {active} ELSE 'finished' END",
        "code": f"CASE WHEN {late} THEN NULL WHEN {one_in(10)} THEN 1 ELSE 0 END",
        "ended": f"CASE WHEN {late} THEN '' WHEN {one_in(10)} THEN 'failed' ELSE 'succeeded' END",
        "time": f"{LAST - number} + n",
        "application": f"CASE WHEN {one_in(50_000)} THEN 'other' ELSE 'hello_world' END",
        "readers": "('admin, ' || {})" if is_sqlite else "CONCAT('admin, ', {})",
        "repository": "('JOB_' || printf('%032x', n))"
        if is_sqlite
        else "CONCAT('JOB_', LPAD(LOWER(HEX(n)), 32, '0'))",
        "rare": rare,
        "md": one_in(10),
    }


def _jobs(of: dict[str, str]) -> str:
    readers = of["readers"].format(of["owner"])
    columns = (
        "job_id, state, application, owners, read_access, write_access, target_resources, input, output,"
        " job_specifics, state_time_stamp, priority, repository, exit_code"
    )
    return (
        f"INSERT INTO job_queue ({columns}) {of['numbers']}SELECT n, {of['state']}, {of['application']},"
        f" {of['owner']}, {readers}, {readers}, {of['target']}, X'', X'', '', {of['time']}, n,"
        f" {of['repository']}, {of['code']} FROM numbers WHERE {of['where']} ORDER BY n"
    )


def _access(of: dict[str, str]) -> list[str]:
    """Return a statement for each role and name; roles have what `job_access` says."""
    listed, owned, other = (of["time"], of["state"], of["ended"]), ("0", of["state"], "''"), ("0", "''", "''")
    rows = [
        ("label", f"'{job_access.label_key('admin', 'T=1')}'", listed, of["rare"]),
        ("label", f"'{job_access.label_key('admin', 'kind=md')}'", listed, of["md"]),
        ("owner", of["owner"], owned, "1 = 1"),
        ("read", "'admin'", listed, "1 = 1"),
        ("read", of["owner"], listed, "1 = 1"),
        ("target", of["target"], other, "1 = 1"),
    ]
    return [
        "INSERT INTO job_access (role, name, state_time_stamp, job_id, state, application, ended) "
        f"{of['numbers']}SELECT '{role}', {name}, {time}, n, {state}, {of['application']}, {ended}"
        f" FROM numbers WHERE {of['where']} AND {condition} ORDER BY 2, 3, 4"
        for role, name, (time, state, ended), condition in rows
    ]
