"""The answers as OpenAPI describes them: their names here, their types from `values`."""

from collections.abc import Mapping
from typing import Any

from lgi_server.json_api.values import BOOLEANS, DATA, FLOATS, INTEGERS, LISTS

Schema = dict[str, Any]
_ACCESS = ("owners", "target_resources", "read_access", "write_access")
_NUMBERED = ("array_id", "array_index", "submitted", "started", "ended", "kept_until")
_USAGE = ("cpu_milliseconds", "peak_memory", "disk_used")
_END = ("exit_code", "exit_signal", "end_reason")
_LISTED = (
    *("job_id", "state", "state_time_stamp", "application", *_ACCESS, "job_specifics", "repository_url"),
    *("job_name", *_NUMBERED, *_END, *_USAGE, "tried", "retries", "deadline", "priority", "urgent"),
    *("fetched", "fetched_by"),
)
_ERROR: Schema = {"$ref": "#/components/schemas/Error"}
_LABELS: Schema = {"type": "array", "items": {"type": "string"}}


def _of(*names: str, required: tuple[str, ...] = (), **more: Schema) -> Schema:
    """Return an object with these properties; unknown ones may come with newer servers.

    A required number is never null: who has a job in a typed language has its number.
    """
    numbers = {name: {"type": "integer"} for name in required if name in INTEGERS}
    properties = {name: _type(name) for name in names} | numbers | more
    return {"type": "object", "properties": properties, "required": list(required)}


def _type(name: str) -> Schema:
    if name in INTEGERS:
        return {"type": ["integer", "null"]}
    if name in BOOLEANS:
        return {"type": "boolean"}
    if name in FLOATS:
        return {"type": "number"}
    if name in LISTS:
        return {"type": "array", "items": {"type": "string"}}
    return {"type": ["string", "null"]} if name in DATA else {"type": "string"}


def _list(name: str) -> Schema:
    return {"type": "array", "items": {"$ref": f"#/components/schemas/{name}"}}


def _ref(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


SCHEMAS: Mapping[str, Schema] = {
    "Problem": {
        "type": "object",
        "properties": {
            "type": {"type": "string"},
            "title": {"type": "string"},
            "status": {"type": "integer"},
            "detail": {"type": "string"},
            "lgi_error": {"type": "integer", "description": "The number of LGI's error."},
            "retry_after": {"type": "integer", "description": "Seconds to wait before a try again."},
        },
        "required": ["type", "title", "status", "detail"],
    },
    "Error": _of("number", "message", "timeout", required=("number", "message")),
    "Hold": _of("reason", "since", "until", "held_by", "text", required=("reason",)),
    "File": _of("file_name", "size", "date", required=("file_name", "size")),
    "ListedJob": _of(*_LISTED, required=("job_id", "state"), labels=_LABELS, holds=_list("Hold")),
    "Job": _of(
        *(*_LISTED, "input", "input_hex", "output", "output_hex"),
        required=("job_id", "state"),
        labels=_LABELS,
        holds=_list("Hold"),
        files=_list("File"),
    ),
    "JobList": _of("next", required=("jobs",), jobs=_list("ListedJob")),
    "FileList": _of("job_id", "repository_url", required=("job_id",), files=_list("File")),
    "Output": _of(
        *("job_id", "state", "told", "complete", "offset", "tail", "tail_hex"), required=("job_id", "tail")
    ),
    "Change": _of(
        *("time", "old_state", "new_state", "changed_by", "reason", "application", "owners"),
        *("target_resources", "job_name"),
        labels=_LABELS,
    ),
    "Try": _of("started", "state", *_END, *_USAGE, "target_resources", "output", "output_hex"),
    "History": _of("job_id", required=("changes",), changes=_list("Change"), tries=_list("Try")),
    "Verdict": _of(
        *("resource_name", "last_call_time", "reason", "offers_application", "is_target", "lacks"),
        *("unavailable", "running_jobs", "drained_since", "drain_reason"),
        required=("resource_name", "reason"),
    ),
    "Licence": _of("name", "wanted", "total", "used", required=("name",)),
    "Predecessor": _of("job_id", "kind", "state"),
    "Unsent": _of("event", "kind", "due", "tries", "problem", required=("event", "kind")),
    "ResourceWait": _of("resource_name", "reason", "since", required=("resource_name", "reason", "since")),
    "Notification": _of("events", "by_mail", "mail", "webhook", "webhook_key", unsent=_list("Unsent")),
    "Explanation": _of(
        *("reason", "message", "locked_by", "locked_since", "jobs_before", "more_before", "number_of_after"),
        required=("reason", "message"),
        waits_on=_ref("ResourceWait"),
        holds=_list("Hold"),
        after=_list("Predecessor"),
        licences=_list("Licence"),
        resources=_list("Verdict"),
        notification=_ref("Notification"),
    ),
    "Count": _of("state", "number_of_jobs"),
    "Progress": _of(
        *("number_of_jobs", "mean_run_seconds", "remaining_seconds", "array_id", "application", "job_name"),
        *("owners", "submitted", "array_size", "at_most"),
        counts=_list("Count"),
    ),
    "ArrayList": _of(required=("arrays",), arrays=_list("Progress")),
    "Caller": _of(
        *("user", "groups", "project", "scope", "this_project_server"), required=("user", "groups", "project")
    ),
    "Machine": _of(
        *("system", "booted_at", "load", "cores", "free_cores", "memory", "free_memory", "slots"),
        *("free_slots", "gpus", "free_gpus", "told_at"),
    ),
    "Resource": _of(
        *("resource_name", "resource_capabilities", "last_call_time", "drained_since", "drain_reason"),
        required=("resource_name",),
        machine=_ref("Machine"),
    ),
    "ResourceList": _of(required=("resources",), resources=_list("Resource"), licences=_list("Licence")),
    "ServerList": _of(
        "project_master_server",
        required=("project_master_server", "project_servers"),
        project_servers={"type": "array", "items": {"type": "string"}},
    ),
    "Application": _of("application", "offered_by", required=("application",)),
    "ApplicationList": _of(required=("applications",), applications=_list("Application")),
    "Usage": _of("month", "name", "application", "resource", "jobs", "seconds"),
    "UsageList": _of("kind", required=("usages",), usages=_list("Usage")),
    "Outcome": _of(
        *("job_id", "state", "request_id", "repository_url", "read_access", "write_access", "priority"),
        *("deadline", "fetched", "fetched_by"),
        error=_ERROR,
        holds=_list("Hold"),
    ),
    "OutcomeList": _of("array_id", "most_jobs", "unknown_names", required=("jobs",), jobs=_list("Outcome")),
    "Token": _of(
        *(
            "token_id",
            "user",
            "group",
            "token_name",
            "scope",
            "created",
            "expires",
            "last_used",
            "token_text",
        ),
        required=("token_id", "scope", "expires"),
    ),
    "TokenList": _of(required=("tokens",), tokens=_list("Token")),
    "TokenPage": _of("next", required=("tokens",), tokens=_list("Token")),
    "Recorded": _of("version", required=("version",)),
    "Rule": _of("name", "application", "job_limit", required=("name", "application")),
    "RuleList": _of(required=("rules",), rules=_list("Rule")),
    "UrgentRight": _of("name", "job_limit", "used", required=("name", "job_limit")),
    "UrgentRightList": _of(required=("rights",), rights=_list("UrgentRight")),
    "Share": _of("name", "weight", required=("name", "weight")),
    "ShareList": _of(required=("shares",), shares=_list("Share")),
    "MailAddress": _of("name", "address", required=("name", "address")),
    "MailAddressList": _of(required=("mails",), mails=_list("MailAddress")),
    "RegisteredResource": _of(
        *("resource_name", "url", "last_call_time", "role", "drained_since", "drain_reason"),
        required=("resource_name", "url", "role"),
    ),
    "RegisteredResourceList": _of(required=("resources",), resources=_list("RegisteredResource")),
    "Administrator": _of("name", "added", "added_by", required=("name",)),
    "AdministratorList": _of(required=("administrators",), administrators=_list("Administrator")),
    "Revocation": _of("name", "revoked", "revoked_by", "reason", required=("name",)),
    "RevocationList": _of(required=("revocations",), revocations=_list("Revocation")),
    "LastChange": _of("version", "description", "servers", required=("version",), statements=_LABELS),
    "LogEntry": _of(
        *("entry_id", "changed_at", "changed_by", "means", "description", "version"),
        required=("entry_id", "changed_at", "changed_by", "description"),
    ),
    "ChangeList": _of("next", required=("entries",), entries=_list("LogEntry")),
}
