"""Each call as it is fuzzed: its fields, a good form, and the errors that docs/wire.md names."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from lgi_server.api import fields as f
from lgi_server.api.fields import Field
from tests.support import running_jobs

# The sessions by their caller, and the jobs by their state, of a project that only `test_fuzz` has used.
SESSIONS = {"holder": "1", "idle": "2"}
JOBS = {"own": "1", "finished": "2", "locked": "3", "queued": "4"}
REFERENCE = {"daemon_reference": running_jobs.REFERENCE}
# An exchange of the holder: it reports on the job that it has locked, holds its own, and wants another.
OWN = f"<daemon_reference> {running_jobs.REFERENCE} </daemon_reference>"
EXCHANGE = (
    f"<reports> <report> <job_id> {JOBS['locked']} </job_id> {OWN} <state> finished </state> </report>"
    f" </reports> <holds> <hold> <job_id> {JOBS['own']} </job_id> {OWN}"
    " <state_time_stamp> 1 </state_time_stamp> </hold> </holds>"
    f" <watched> 1, 2 </watched> <attached> {'b' * 32} </attached>"
    " <wants> <want> <application> hello_world </application> <count> 2 </count> </want> </wants>"
    f" <references> <reference> <daemon_reference> {'A' * 32} </daemon_reference> </reference> </references>"
)
EXCHANGE_ERRORS = frozenset({2, 14, 18, 19, 25, 45, 46, 47, 49, 65, 68, 71})
UPDATE = "INSERT INTO groups_allowed SET group_name='g', application='any', job_limit=0"
# The errors of every form: project, its size, the POST, and a body that cannot be read.
FORM = frozenset({4, 37, 58, 65, 68})
USER = FORM | {30, 31, 32, 38, 56, 57}
RESOURCE = FORM | {2, 5, 62, 69, 73}
SESSION = RESOURCE | {8, 16}
SERVER = RESOURCE | {39}
# The fields of a submit.
SUBMIT = (
    *(f.APPLICATION, f.TARGETS, f.SPECIFICS, f.INPUT, f.OUTPUT, f.READ_ACCESS, f.WRITE_ACCESS, f.REQUEST_ID),
    *(f.HOLD, f.AFTER, f.AFTER_ANY, f.KEEP, f.RETRIES, f.RETRY_ON, f.BACKOFF_WAIT),
    Field("number_of_uploaded_files", f.INTEGER, f.E.UPLOAD, f.E.UPLOAD),
)
SUBMITTED = frozenset({15, 18, 19, 25, 34, 47, 27, 28, 33, 46, 50, 51, 52, 53, 54, 55, 68, 70, 72})
ENDS = (f.EXIT_CODE, f.EXIT_SIGNAL, f.END_REASON)
JOB_ERRORS = frozenset({15, 19, 47})
# Of the session of LGI_attach with the locked job.
ATTACH = (f.ATTACH_SESSION, f.OFFSET, f.ATTACH_DATA, f.RECEIVED, f.CLOSE, f.WAIT)
STREAM = {"session": "b" * 32, "offset": "0", "received": "0", "data": "6869"}
ATTACH_ERRORS = frozenset({8, 16, 48, 49, 55, 62})


@dataclass(frozen=True)
class Call:
    """A call: who makes it, what is posted, and which errors are its own.

    ``caller``: "user", "holder" (a resource with a locked job), "idle" (one without), "server" or "job".
    ``echoes``: fields whose value is answered, with the path in the answer.
    """

    path: str
    caller: str
    fields: tuple[Field, ...]
    good: Mapping[str, str]
    errors: frozenset[int]
    echoes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The name by which docs/wire.md has it."""
        return self.path.rpartition("/")[2]


def _user(
    name: str, *fields: Field, good: dict[str, str], errors: set[int], echoes: tuple[str, ...] = ()
) -> Call:
    paths = {one: (one,) for one in ("project", "user", *echoes)}
    usual = {"project": "LGI", "user": "mark@laptop", "groups": "theor"}
    declared = (f.PROJECT, f.USER, f.GROUPS, *fields)
    return Call(f"interfaces/{name}", "user", declared, usual | good, USER | errors, paths)


def _resource(
    name: str, caller: str, *fields: Field, good: dict[str, str], errors: set[int] | frozenset[int]
) -> Call:
    declared = (f.PROJECT, f.CAPABILITIES, f.SESSION_ID, *fields)
    common = SESSION if "session_id" in good else RESOURCE
    return Call(
        f"resources/{name}",
        caller,
        declared,
        {"project": "LGI"} | good,
        common | errors,
        {"project": ("project",)},
    )


def _job(call: Call, **echoes: tuple[str, ...]) -> Call:
    return Call(call.path, call.caller, call.fields, call.good, call.errors, {**call.echoes, **echoes})


def _brief(call: Call) -> Call:
    """A call whose answer begins with no header: it is made for each key that is pressed."""
    return replace(call, echoes={})


def calls() -> list[Call]:
    """All calls, those of jobs too."""
    held, idle = {"session_id": SESSIONS["holder"]}, {"session_id": SESSIONS["idle"]}
    queued, locked = {"job_id": JOBS["queued"]}, {"job_id": JOBS["locked"]}
    submit = {"application": "hello_world", "target_resources": "any"}
    details = {name: ("job", name) for name in ("application", "input", "output", "job_specifics")}
    access = {name: ("job", name) for name in ("read_access", "write_access")}
    own = submit | {"state": "queued", "owners": "mark@laptop"}
    ended = {"job_id": JOBS["finished"]}
    return [
        _resource("resource_signup_resource", "idle", f.DAEMON, good={"daemon": "a1"}, errors=set()),
        _resource("resource_signoff_resource", "holder", good=held, errors=set()),
        _job(
            _resource(
                *("resource_request_work", "idle", f.APPLICATION, f.START, f.LIMIT, f.WANTED_OWNERS, f.WAIT),
                good=idle | {"application": "hello_world", "owners": "any"},
                errors={17, 18, 46, 48, 49, 71},
            ),
            application=("application",),
            owners=("owners",),
        ),
        _resource(
            *("resource_wait", "idle", f.APPLICATIONS, f.KNOWN_QUEUED, f.KNOWN_ABORTING),
            *(f.KNOWN_WATCHED, f.LOAD, f.WAIT),
            good={"applications": "hello_world"},
            errors={18, 19, 46, 47, 49},
        ),
        _resource("resource_lock_job", "idle", f.JOB_ID, good=idle | queued, errors=JOB_ERRORS | {21, 22}),
        _resource("resource_unlock_job", "holder", f.JOB_ID, good=held | locked, errors=JOB_ERRORS | {14}),
        _resource(
            *("resource_request_job_details", "holder", f.JOB_ID),
            good=held | locked,
            errors={19, 20, 47},
        ),
        _job(
            _resource(
                *("resource_update_job", "holder", f.JOB_ID, f.NEW_STATE, f.NEW_TARGETS, f.INPUT, f.OUTPUT),
                *(f.ECHOED_SPECIFICS, f.REFERENCE, *ENDS),
                good=held | locked | {"state": "running", "output": "6869"} | REFERENCE,
                errors={14, 19, 25, 27, 28, 45, 47, 50, 53, 54, 55, 72},
            ),
            state=("job", "state"),
            end_reason=("job", "end_reason"),
            **{name: path for name, path in details.items() if name != "application"},
        ),
        _resource("resource_job_state", "holder", f.JOB_ID, good=locked, errors=JOB_ERRORS | {24}),
        _job(
            _resource(
                *("resource_submit_job", "idle", f.STATE, f.OWNERS, *SUBMIT, *ENDS),
                good=idle | own,
                errors=SUBMITTED | {17, 25, 26, 29, 45, 71},
            ),
            state=("job", "state"),
            end_reason=("job", "end_reason"),
            **details,
            **access,
        ),
        _resource(
            *("resource_job_tail", "holder", f.JOB_ID, f.OWN_REFERENCE, f.OFFSET, f.TAIL, f.COMPLETE),
            good=locked | REFERENCE | {"offset": "0", "tail": "6869", "complete": "0"},
            errors=JOB_ERRORS | {14, 24, 48, 49, 55},
        ),
        _brief(
            _resource(
                *("resource_attach_stream", "holder", f.OWN_REFERENCE, *ATTACH),
                good=STREAM | REFERENCE,
                errors=ATTACH_ERRORS | {14},
            )
        ),
        _resource(
            *("resource_job_certificate", "holder", f.JOB_ID, f.OWN_REFERENCE, f.CERTIFICATE_REQUEST),
            good=locked | REFERENCE | {"request": "3000"},
            errors=JOB_ERRORS | {2, 14, 24, 25},
        ),
        _resource(
            *("resource_exchange", "holder", f.EXCHANGE, f.DAEMON, f.LOAD, f.WAIT),
            good={"exchange": EXCHANGE, "daemon": "a1"},
            errors=EXCHANGE_ERRORS,
        ),
        _job(
            _resource(
                *("resource_request_resource_data", "idle", f.RESOURCE_NAME),
                good={"resource_name": "res1@cluster"},
                errors={5, 43, 63},
            ),
            resource_name=("requested_resource_data", "resource_name"),
        ),
        _job(_user("interface_submit_job", *SUBMIT, good=submit, errors=set(SUBMITTED)), **details, **access),
        _user(
            *("interface_submit_jobs", f.JOBS, f.ARRAY, f.ARRAY_SIZE, f.AT_MOST),
            good={"jobs": '[{"application": "hello_world", "target_resources": "any"}]'},
            errors={33, 49, 65, 68},
        ),
        _user(
            *("interface_resubmit_jobs", f.JOB_IDS),
            good={"job_ids": JOBS["finished"]},
            errors={19, 33, 47, 65},
            echoes=(),
        ),
        _user(
            *("interface_hold_jobs", f.JOB_IDS, f.HOLD_TEXT),
            good={"job_ids": JOBS["queued"], "text": "why"},
            errors={19, 25, 47, 65},
            echoes=(),
        ),
        _user(
            *("interface_share_jobs", f.JOB_IDS, f.READ_ACCESS, f.WRITE_ACCESS, f.NO_ACCESS),
            good={"job_ids": JOBS["queued"], "read_access": "eve"},
            errors={19, 47, 51, 52, 65},
            echoes=(),
        ),
        _user(
            *("interface_release_jobs", f.JOB_IDS, f.HOLD_REASONS),
            good={"job_ids": JOBS["queued"], "reasons": "user, after"},
            errors={19, 25, 47, 65},
            echoes=(),
        ),
        _user(
            *("interface_delete_jobs", f.JOB_IDS),
            good={"job_ids": JOBS["finished"]},
            errors={19, 47, 65},
            echoes=(),
        ),
        _user(
            *("interface_confirm_results", f.JOB_IDS),
            good={"job_ids": JOBS["queued"]},
            errors={19, 47, 65},
            echoes=(),
        ),
        _user(
            *("interface_create_token", f.SCOPE, f.TOKEN_LIFE, f.TOKEN_NAME),
            good={"scope": "read, files", "life": "90", "token_name": "notebook"},
            errors={25, 33, 35, 49},
            echoes=(),
        ),
        _user(*("interface_list_tokens", f.OWNER), good={}, errors={35, 71}, echoes=()),
        _user(
            *("interface_revoke_tokens", f.TOKEN_IDS, f.OWNER),
            good={"token_ids": "1"},
            errors={15, 19, 35, 47, 71},
            echoes=(),
        ),
        _user(
            *("interface_prioritize_jobs", f.JOB_IDS, f.PRIORITY, f.DEADLINE),
            good={"job_ids": JOBS["queued"], "priority": "-5", "deadline": "4000000000"},
            errors={19, 25, 47, 65},
            echoes=(),
        ),
        _user(
            *("interface_job_state", f.LISTED_STATE, f.LISTED_APPLICATION, f.START, f.LIMIT, f.ENDED),
            good={"state": "any", "application": "any"},
            errors={25, 45, 46, 48, 49},
            echoes=("state", "application"),
        ),
        _user(
            *("interface_job_state", f.ARRAY_ID, f.SINGLE, f.HELD, f.JOB_IDS),
            good={"array_id": "1"},
            errors={19, 47, 49},
            echoes=("array_id",),
        ),
        _user(
            *("interface_job_progress", f.LISTED_STATE, f.LISTED_APPLICATION, f.ENDED, f.ARRAY_ID, f.SINGLE),
            good={"array_id": "1"},
            errors={19, 25, 45, 46, 47, 49},
            echoes=("array_id",),
        ),
        _user(*("interface_job_arrays", f.BEFORE, f.LIMIT), good={}, errors={48, 49}),
        _user(
            *("interface_job_state", f.LISTED_JOB_ID, f.LISTED_STATE, f.WAIT),
            good=ended,
            errors={15, 34, 45, 47, 48, 49},
        ),
        _user("interface_delete_job", f.JOB_ID, good=ended, errors={15, 19, 35, 47}),
        _user(
            *("interface_job_tail", f.JOB_ID, f.OFFSET, f.WAIT), good=ended, errors={15, 19, 34, 47, 48, 49}
        ),
        _user("interface_attach_job", f.JOB_ID, good=locked, errors={15, 19, 25, 34, 35, 47}),
        _brief(_user("interface_attach_stream", *ATTACH, good=STREAM, errors=set(ATTACH_ERRORS))),
        _user("interface_explain_job", f.JOB_ID, good=queued, errors={15, 19, 34, 47}, echoes=()),
        _user("interface_job_history", f.JOB_ID, good=queued, errors={15, 19, 34, 47}, echoes=()),
        _user(
            *("interface_usage", f.USAGE_KIND, f.USAGE_BY, f.USAGE_MONTH),
            good={"kind": "user"},
            errors={25, 45, 49},
            echoes=("kind",),
        ),
        _user("interface_project_server_list", good={}, errors=set()),
        _user("interface_project_resource_list", good={}, errors=set()),
        Call(
            *("servers/server_get_update", "server", (f.PROJECT, f.CAPABILITIES, f.SESSION_ID, f.VERSION)),
            {"project": "LGI", "version": "0"},
            SERVER | {40, 59},
        ),
        Call(
            *("servers/server_run_update", "server"),
            (f.PROJECT, f.CAPABILITIES, f.SESSION_ID, f.PUSHED_VERSION, f.SERVERS, f.UPDATE),
            {
                **{"project": "LGI", "version": "1", "servers": "any"},
                "update": UPDATE.encode().hex(),
            },
            SERVER | {41, 59, 60, 61},
            {"update": ("update_query",)},
        ),
        Call(
            *("resources/resource_signup_resource", "job", (f.PROJECT, f.CAPABILITIES)),
            {"project": "LGI"},
            FORM | {2, 69, 73},
        ),
        Call(
            *("resources/resource_signoff_resource", "job", (f.PROJECT, f.CAPABILITIES, f.SESSION_ID)),
            {"project": "LGI", "session_id": JOBS["own"]},
            FORM | {2, 8, 16, 62, 69, 73},
        ),
        Call(
            *("resources/resource_submit_job", "job", (f.PROJECT, f.STATE, f.OWNERS, *SUBMIT, *ENDS)),
            {"project": "LGI", **own},
            FORM | SUBMITTED | {2, 25, 26, 29, 45, 71},
            details | access,
        ),
    ]
