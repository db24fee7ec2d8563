"""The tables of an LGI 1.31 project, with the columns that LGI's document names."""

from collections.abc import Mapping

TABLES: Mapping[str, tuple[str, ...]] = {
    "job_queue": (
        "job_id",
        "state",
        "application",
        "owners",
        "read_access",
        "write_access",
        "target_resources",
        "input",
        "output",
        "job_specifics",
        "lock_state",
        "state_time_stamp",
        "daemon_pulse",
        "priority",
    ),
    "running_locks": ("lock_id", "job_id", "resource_id", "lock_time", "session_id"),
    "active_resources": (
        "resource_id",
        "resource_name",
        "resource_capabilities",
        "client_certificate",
        "last_call_time",
        "project_server",
        "url",
    ),
    "running_sessions": ("session_id", "resource_id", "session_time_stamp"),
    "users_allowed": ("user_name", "application", "job_limit"),
    "groups_allowed": ("group_name", "application", "job_limit"),
    "users_denied": ("user_name", "application"),
    "groups_denied": ("group_name", "application"),
    "updates": ("version", "servers", "update_query"),
    "event_queue": ("event_time_stamp", "event"),
}
RULES = ("users_allowed", "groups_allowed", "users_denied", "groups_denied")
# A query for the table and name of each column there is.
COLUMNS = "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = DATABASE()"
