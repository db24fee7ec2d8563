"""In which state of the project each recorded exchange took place.

A row is a pattern for names, and steps. The steps of every row that fits are taken, in the order of the rows.
"""

from collections.abc import Sequence
from fnmatch import fnmatchcase
from functools import partial

from tests.conformance.stage import (
    OLD,
    THEN,
    Step,
    files,
    job,
    locked,
    no_new_sessions,
    resource,
    rule,
    server,
    session,
    statement,
    update,
)

Table = Sequence[tuple[str, Sequence[Step]]]
REFERENCE = "<daemon_reference> 0123456789ABCDEF </daemon_reference> <a> 1 </a>"
LONG_REFERENCE = REFERENCE.replace("CDEF", "CDEF0123456789ABCDEF")
BOTH = "res2@cluster, res1@cluster"
LONG = b"A" * 65354
SOME_STATE = "we<i>rd & 'state'"
FRANKS: dict[str, str] = {
    "owners": "frank@desk, chem",
    "read": "admin, frank@desk",
    "write": "admin, frank@desk",
}
NO_RULES = statement("DELETE FROM users_allowed")
NO_JOBS = (statement("DELETE FROM job_access"), statement("DELETE FROM job_queue"))
INSERT = "INSERT INTO users_allowed SET user_name='{}',application='any',job_limit=1"
TWO_UPDATES = (update(1, "any", INSERT.format("y")), update(2, "LGI@slave, x&y", INSERT.format("z")))
SLAVE = server(5, "LGI@slave", "https://slave.example/LGI?a=1&b=2", kind=2)
JOB_X, JOB_G = "JOB_75d8f2efe814c75e102a012925e8ceff", "JOB_aedcd34eba36a2d31069bee672dba603"

PROJECT: Table = [
    (
        "*",
        [
            statement("DELETE FROM active_resources"),
            statement("DELETE FROM updates"),
            server(1, "LGI@localhost"),
            resource(2, "res1@cluster"),
            resource(3, "res2@cluster"),
            resource(4, "res3@cluster"),
            NO_RULES,
            rule("users_allowed", "any", 0),
        ],
    ),
    ("*-err6_two_masters", [server(5, "LGI@second", "https://second.example/LGI")]),
    ("*-err6_no_master", [statement("UPDATE active_resources SET project_server = 2 WHERE resource_id = 1")]),
    ("*-err2_certificate_mismatch", [resource(2, "res1@cluster", which=1)]),
    # A database that is there, but not for us: a table cannot be found where a password was wrong.
    (
        "*-err3_no_database",
        [
            statement(
                "ALTER TABLE active_resources RENAME TO away",
                undo="ALTER TABLE away RENAME TO active_resources",
            )
        ],
    ),
]

# Sessions 1, 5, 7, 8, 10 and 13 are res1's; the others that requests name are res2's.
SESSIONS: Table = [
    (name, [session(number, 2 if number in {1, 5, 7, 8, 10, 13} else 3) for number in range(1, 14)])
    for name in ("resource_[jlru]*", "resource_submit*", "resource_signoff*")
]

# Jobs as a database of old has them that knew no repositories yet.
listed = partial(job, specifics="<repository> </repository>", repository="")
zoes = partial(listed, owners="zoe@home, chem")
LISTS: Table = [
    (
        "interface_job_state-*",
        [
            job(1, specifics="<a> 1 </a>", input=b"hello", stamp=THEN - 2),
            job(2, read="admin, mark@laptop, chem", stamp=THEN - 2),
            listed(3, "running", stamp=OLD),
            listed(4, "running", stamp=OLD + 1),
            listed(5, "running", stamp=OLD + 2),
            listed(6, "finished", "other_app", stamp=OLD),
            listed(7, "finished", "other_app", stamp=OLD + 1),
            zoes(8, read="admin, zoe@home", write="admin, zoe@home", stamp=OLD),
            zoes(9, read="admin, any", write="admin, any", stamp=OLD),
            job(10, stamp=THEN - 1),
        ],
    ),
    ("interface_job_state-ok_empty", NO_JOBS),
    ("interface_project_server_list-ok_one_slave", [SLAVE]),
]

DELETES: Table = [
    ("interface_delete_job-err1_backoff_spin", [job(3), locked(3, lock_state=0)]),
    ("interface_delete_job-err35*", [job(7)]),
    ("interface_delete_job-err6*", [job(2)]),
    ("interface_delete_job-ok_aborting_again", [job(2, "aborting", stamp=OLD)]),
    ("interface_delete_job-ok_admin", [job(6, stamp=OLD)]),
    ("interface_delete_job-ok_group*", [job(5, write="admin, mark@laptop, chem", stamp=OLD)]),
    ("interface_delete_job-ok_other_state", [job(4, "waiting", stamp=OLD)]),
]

SUBMITS: Table = [
    ("interface_submit_job-err33_limit_reached", [NO_RULES, rule("users_allowed", "any", 2), job(1), job(2)]),
    ("interface_submit_job-*negative_limit*", [rule("users_allowed", "mark@laptop", -3), job(1), job(2)]),
    ("interface_submit_job-err33_negative_limit_reached", [job(3)]),
    ("interface_submit_job-ok_negative_limit_after_finish", [job(3, "finished")]),
    ("*-err33_no_rules", [NO_RULES]),
    ("*-err29_owner_not_allowed", [NO_RULES]),
    (
        "*-ok_user_allowed_beats_group_denied",
        [rule("users_allowed", "mark@laptop", 0), rule("groups_denied", "any")],
    ),
    ("resource_submit_job-err17_has_locks", [job(1), locked(1)]),
]

WORK: Table = [
    ("resource_job_state-*", [job(1, specifics="<a> 1 </a>"), job(2, targets="res2@cluster"), job(3)]),
    ("resource_lock_job-*", [job(1), job(2, targets="res2@cluster")]),
    ("resource_lock_job-err22*", [locked(1)]),
    (
        "resource_request_work-*",
        [
            job(1, specifics="<a> 1 </a>"),
            job(2, targets="res1@cluster"),
            job(3, targets="res2@cluster"),
            job(4, targets=BOTH, **FRANKS),
        ],
    ),
    ("resource_request_work-ok_lock_row_conflict", [locked(1, 2, 3, lock_state=0)]),
    (
        "resource_request_work-ok_target_case_mismatch",
        [*NO_JOBS, job(1, targets="RES1@cluster"), job(4, targets=BOTH, **FRANKS)],
    ),
    (
        "resource_signup_resource-ok_second_session",
        [
            resource(2, "res1@cluster", "<hello_world> <nodes> 4 </nodes> </hello_world> <app2>  </app2> "),
            session(7, 2),
        ],
    ),
    ("resource_signup_resource-ok_with_slave", [SLAVE]),
    # No session can be inserted.
    (
        "resource_signup_resource-err44*",
        [no_new_sessions],
    ),
    ("resource_signoff_resource-err16_signoff_twice", [statement("DELETE FROM running_sessions")]),
]

# Before its job_specifics were replaced, which in LGI loses the repository.
updated = partial(
    job,
    1,
    state="running",
    targets="res1@cluster",
    specifics=REFERENCE,
    repository="",
    stamp=OLD,
    input=b"New",
)
UPDATES: Table = [
    ("resource_update_job-err*", [updated(), locked(1)]),
    ("resource_update_job-ok_finished", [updated(), locked(1)]),
    ("resource_update_job-ok_nothing", [updated(input=b"Hello"), locked(1)]),
    ("resource_update_job-ok_output", [updated(input=b"Hello"), locked(1)]),
    ("resource_update_job-ok_*s_repl*", [updated(state=SOME_STATE, targets=BOTH, output=LONG), locked(1)]),
    ("resource_update_job-ok_*_keeps", [updated(state=SOME_STATE, targets=BOTH, output=LONG), locked(1)]),
    ("resource_update_job-ok_targets*", [updated(state=SOME_STATE, output=b"Done"), locked(1)]),
]

taken = partial(job, 1, targets="res1@cluster", specifics=LONG_REFERENCE, input=b"hi")
LIFE: Table = [
    ("lifecycle-02*", [resource(2, "res1@cluster", "")]),
    ("lifecycle-0[34]*", [job(1, specifics="<a> 1 </a>", input=b"hi", stamp=THEN + 1)]),
    ("lifecycle-0[35678]*", [session(1, 2)]),
    ("lifecycle-04*", [session(1, 2), locked(1)]),
    ("lifecycle-05*", [job(1, specifics="<a> 1 </a>", input=b"hi", stamp=OLD), locked(1)]),
    ("lifecycle-0[67]*", [taken(state="running", stamp=THEN + 1), locked(1)]),
    ("lifecycle-09*", [taken(state="running", stamp=THEN + 1)]),
    ("lifecycle-10*", [taken(state="running"), session(2, 2)]),
    ("lifecycle-11*", [taken(state="running", stamp=OLD), session(2, 2), locked(1, 2)]),
    ("lifecycle-12*", [taken(state="finished", output=b"Done", stamp=THEN + 1)]),
    ("lifecycle-13*", [taken(state="finished", output=b"Done", stamp=OLD)]),
]

every_byte = "".join(map(chr, range(256)))
REPOSITORIES: Table = [
    ("repository-content*", [job(90, repository=JOB_X), files(JOB_X, "admin, mark@laptop, chem")]),
    (
        "repository-[dgp]*",
        [job(90, repository=JOB_X), files(JOB_X, "admin, mark@laptop", **{"na me&<x>.bin": every_byte})],
    ),
    (
        "repository-delete_[dor]*",
        [files(JOB_X, "admin, mark@laptop", **{"file1.txt": "1", "res.txt": "2"})],
    ),
    (
        "repository-*_resource",
        [resource(6, "res5@cluster"), resource(7, "res7@cluster"), job(1, repository=JOB_X)],
    ),
    ("repository-put_four*", [job(92, repository=JOB_G), files(JOB_G, "admin, mark@laptop, theor")]),
    ("repository-put_after*", [files(JOB_X, None)]),
]
# What a PUT stores, which the records do not tell.
STORED = {"repository-put_empty": b""}

SERVERS: Table = [
    ("server_get_update-*", TWO_UPDATES),
    ("server_get_update-ok_no_updates", [statement("DELETE FROM updates")]),
    ("server_get_update-ok_slave", [SLAVE]),
    ("server_run_update-ok_cycle", [*TWO_UPDATES, update(3, "any", INSERT.format("x"))]),
    ("server_run_update-ok_push_[ao]*", [update(1, "any", INSERT.format("pushed"))]),
]

ALL: Table = [
    *PROJECT,
    *SESSIONS,
    *LISTS,
    *DELETES,
    *SUBMITS,
    *WORK,
    *UPDATES,
    *LIFE,
    *REPOSITORIES,
    *SERVERS,
]


def steps_for(name: str) -> list[Step]:
    """What to do before an exchange."""
    return [step for pattern, steps in ALL if fnmatchcase(name, pattern) for step in steps]
