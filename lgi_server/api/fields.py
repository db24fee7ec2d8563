"""The fields of all calls, each declared once: name, limit, and error numbers (wire.md 3 and 4)."""

from dataclasses import dataclass

from lgi_protocol import exchange, job_usage, notification, xml
from lgi_protocol.attach_frames import MOST_DATA
from lgi_protocol.errors import ErrorNumber, LGIError

SHORT = 255
INTEGER = 10
LONG = xml.MAX_FIELD_SIZE
DAEMON_REFERENCE = frozenset({"daemon_reference"})


@dataclass(frozen=True)
class Field:
    """A posted field; its value has fewer than ``limit`` bytes.

    The error numbers are for a value that is too big, malformed or missing; without ``missing`` the field may
    be left out.
    """

    name: str
    limit: int
    too_big: ErrorNumber
    malformed: ErrorNumber
    missing: ErrorNumber | None = None

    def refusal(self, number: ErrorNumber, why: str) -> LGIError:
        """Return the error of a value; it names this field, also when the number is that of another one."""
        is_own = number.message.startswith(f"{self.name} ")
        return LGIError(number, why, message="" if is_own else f"{self.name} is not acceptable")


def _field(name: str, limit: int, too_big: ErrorNumber, missing: ErrorNumber | None = None) -> Field:
    return Field(name, limit, too_big, missing or too_big, missing)


E = ErrorNumber
PROJECT = _field("project", SHORT, E.PROJECT_TOO_BIG)
USER = _field("user", SHORT, E.USER_TOO_BIG, E.USER)
GROUPS = _field("groups", SHORT, E.GROUPS_TOO_BIG, E.GROUPS)
JOB_ID = _field("job_id", INTEGER, E.JOB_ID_TOO_BIG, E.JOB_ID)
SESSION_ID = _field("session_id", INTEGER, E.SESSION_ID_TOO_BIG, E.SESSION_ID)
# Ours: the number of the daemon that signs up, which distinguishes two with one certificate.
DAEMON = _field("daemon", 65, E.SESSION_ID_TOO_BIG)
START = _field("start", INTEGER, E.START_TOO_BIG)
LIMIT = _field("limit", INTEGER, E.LIMIT_TOO_BIG)
APPLICATION = _field("application", SHORT, E.APPLICATION_TOO_BIG, E.APPLICATION)
TARGETS = _field("target_resources", SHORT, E.TARGETS_TOO_BIG, E.TARGETS)
STATE = _field("state", SHORT, E.STATE_TOO_BIG, E.STATE)
OWNERS = _field("owners", SHORT, E.OWNERS_TOO_BIG, E.OWNERS)
READ_ACCESS = _field("read_access", SHORT, E.READ_ACCESS_TOO_BIG)
WRITE_ACCESS = _field("write_access", SHORT, E.WRITE_ACCESS_TOO_BIG)
RESOURCE_NAME = _field("resource_name", SHORT, E.RESOURCE_NAME_TOO_BIG, E.RESOURCE_NAME)
# As large as server_max_field_size: old daemons cut an output to that size.
INPUT = _field("input", LONG + 1, E.INPUT_TOO_BIG)
OUTPUT = _field("output", LONG + 1, E.OUTPUT_TOO_BIG)
SPECIFICS = Field("job_specifics", LONG, E.SPECIFICS_TOO_BIG, E.SPECIFICS_XML)
# A daemon posts them back with the tags of the repository, and adds a tag each time that it takes the job.
ECHOED_SPECIFICS = Field("job_specifics", LONG + 4096, E.SPECIFICS_TOO_BIG, E.SPECIFICS_XML)
VERSION = _field("version", INTEGER, E.VERSION_TOO_BIG, E.VERSION)
# The fields of a pushed update give error 41 when they are empty or malformed.
PUSHED_VERSION = _field("version", INTEGER, E.VERSION_TOO_BIG, E.UPDATE)
SERVERS = _field("servers", SHORT, E.SERVERS_TOO_BIG, E.UPDATE)
UPDATE = _field("update", LONG, E.UPDATE_TOO_BIG, E.UPDATE)
# Ours: the reference of the daemon that has the job as far as it knows. Old daemons do not send it.
REFERENCE = Field("daemon_reference", SHORT, E.NOT_YOUR_LOCK, E.NOT_YOUR_LOCK)
# Ours: the reference of the daemon that asks for a job's certificate; the signing request, DER in hex.
OWN_REFERENCE = Field("daemon_reference", SHORT, E.NOT_YOUR_LOCK, E.NOT_YOUR_LOCK, E.NOT_YOUR_LOCK)
CERTIFICATE_REQUEST = _field("request", 4096, E.CERTIFICATE, E.CERTIFICATE)
# Ours: a long poll: its seconds, the applications, and the jobs that the daemon knows as queued or aborting.
WAIT = _field("wait", INTEGER, E.LIMIT_TOO_BIG)
# Ours: how full a waiting resource is, in percent.
LOAD = _field("load", INTEGER, E.LIMIT_TOO_BIG)
APPLICATIONS = _field("applications", 4096, E.APPLICATION_TOO_BIG, E.APPLICATION)
KNOWN_QUEUED = Field("queued", 8192, E.JOB_ID_TOO_BIG, E.JOB_ID)
KNOWN_ABORTING = Field("aborting", 8192, E.JOB_ID_TOO_BIG, E.JOB_ID)
# Ours: the same for each attempt of a submit, so that it creates one job (`services.jobs.idempotency`).
REQUEST_ID = Field("request_id", SHORT, E.SUBMIT_REFUSED, E.SUBMIT_REFUSED)
# Ours: output of a running job, the offset of its first byte (up to 15 digits), and whether it is complete.
OFFSET = Field("offset", 16, E.START_TOO_BIG, E.START_TOO_BIG, E.START_TOO_BIG)
TAIL = _field("tail", LONG, E.OUTPUT_TOO_BIG)
COMPLETE = _field("complete", INTEGER, E.LIMIT_TOO_BIG)
# Posted by daemons that can send output: the jobs for which they do so already.
KNOWN_WATCHED = Field("watched", 16384, E.JOB_ID_TOO_BIG, E.JOB_ID)
# Ours: a session of LGI_attach, what one of its ends sends, how much it has received; those a daemon knows.
ATTACH_SESSION = Field("session", 64, E.SESSION_ID_TOO_BIG, E.SESSION_ID, E.SESSION_ID)
ATTACH_DATA = _field("data", MOST_DATA + 1, E.OUTPUT_TOO_BIG)
RECEIVED = Field("received", 16, E.START_TOO_BIG, E.START_TOO_BIG, E.START_TOO_BIG)
CLOSE = _field("close", INTEGER, E.LIMIT_TOO_BIG)
ATTACHED = Field("attached", 4096, E.SESSION_ID_TOO_BIG, E.SESSION_ID)
# Ours: the jobs of a bulk submit, as JSON. All text fields together have at most a megabyte.
JOBS = _field("jobs", 2**20, E.POST_TOO_BIG, E.UPLOAD)
# Ours: the array of a bulk submit, how many elements it has and how many may run at once; the index of one.
ARRAY = Field("array", SHORT, E.SUBMIT_REFUSED, E.SUBMIT_REFUSED)
ARRAY_SIZE = _field("array_size", INTEGER, E.LIMIT_TOO_BIG, E.LIMIT_TOO_BIG)
AT_MOST = _field("at_most", INTEGER, E.LIMIT_TOO_BIG)
ARRAY_INDEX = _field("array_index", INTEGER, E.LIMIT_TOO_BIG, E.LIMIT_TOO_BIG)
# Ours: filters of lists: an array, or some of its elements as ``7[1-3,9]``; arrays before this number; only
# jobs that are no elements.
ARRAY_ID = Field("array_id", 16384, E.JOB_ID_TOO_BIG, E.JOB_ID)
BEFORE = _field("before", INTEGER, E.START_TOO_BIG)
SINGLE = _field("single", INTEGER, E.LIMIT_TOO_BIG)
# Ours: only queued jobs that something holds.
HELD = _field("held", INTEGER, E.LIMIT_TOO_BIG)
# Ours: usage of users or groups, the columns to group it by, and the month.
USAGE_KIND = _field("kind", SHORT, E.STATE_TOO_BIG)
USAGE_BY = _field("by", SHORT, E.STATE_TOO_BIG)
USAGE_MONTH = _field("month", INTEGER, E.LIMIT_TOO_BIG)
# Ours: the text of an exchange, and what its elements have beside the fields of other calls.
EXCHANGE = Field("exchange", exchange.MOST_TEXT + 1, E.POST_TOO_BIG, E.UPLOAD)
FILES = _field("files", 2**16, E.UPLOAD)
FILE_CONTENTS = _field("file_contents", 2**20, E.UPLOAD)
COUNT = _field("count", INTEGER, E.LIMIT_TOO_BIG, E.LIMIT_TOO_BIG)
CORES = _field("cores", INTEGER, E.LIMIT_TOO_BIG)
MEMORY = _field("memory", INTEGER, E.LIMIT_TOO_BIG)
GPUS = _field("gpus", INTEGER, E.LIMIT_TOO_BIG)
WITHOUT = Field("without", 16384, E.JOB_ID_TOO_BIG, E.JOB_ID)
STAMP = Field("state_time_stamp", 16, E.STATE_TOO_BIG, E.STATE, E.STATE)
# Ours: why a held job cannot be started yet.
WAIT_REASON = _field("wait_reason", SHORT, E.STATE)
# Optional where the same name is compulsory in another call.
UNUSED_SESSION_ID = _field("session_id", INTEGER, E.SESSION_ID_TOO_BIG)
WANTED_OWNERS = _field("owners", SHORT, E.OWNERS_TOO_BIG)
NEW_STATE = Field("state", SHORT, E.STATE_TOO_BIG, E.STATE)
NEW_TARGETS = Field("target_resources", SHORT, E.TARGETS_TOO_BIG, E.TARGETS)
CHOSEN_GROUPS = _field("groups", SHORT, E.GROUPS_TOO_BIG)
LISTED_STATE = _field("state", SHORT, E.STATE_TOO_BIG)
LISTED_APPLICATION = _field("application", SHORT, E.APPLICATION_TOO_BIG)
LISTED_JOB_ID = _field("job_id", INTEGER, E.JOB_ID_TOO_BIG)
# Ours: the end of a job, and a filter by result; `end_fields` has the allowed values.
EXIT_CODE = _field("exit_code", INTEGER, E.STATE)
EXIT_SIGNAL = _field("exit_signal", INTEGER, E.STATE)
END_REASON = _field("end_reason", SHORT, E.STATE)
# Ours: what a job has used.
USAGE = tuple(_field(name, 20, E.STATE) for name in job_usage.FIELDS)
ENDED = _field("ended", SHORT, E.STATE)
# Ours: name and labels of a job, a line ``key=value`` each; filters of lists; what more an answer shows.
JOB_NAME = _field("job_name", SHORT, E.SUBMIT_REFUSED)
LABELS = _field("labels", 4096, E.SUBMIT_REFUSED)
OWNER = _field("owner", SHORT, E.OWNERS_TOO_BIG)
RESOURCE = _field("resource", SHORT, E.TARGETS_TOO_BIG)
SINCE = Field("since", 16, E.STATE_TOO_BIG, E.STATE)
JOB_IDS = Field("job_ids", 16384, E.JOB_ID_TOO_BIG, E.JOB_ID)
# Ours: what a user says of a hold, and which holds are released.
HOLD_TEXT = _field("text", SHORT, E.STATE)
HOLD = _field("hold", INTEGER, E.STATE)
# Ours: who loses the access to a job.
NO_ACCESS = _field("no_access", SHORT, E.READ_ACCESS_TOO_BIG)
# Ours: the jobs that a new one follows, and whether it stays when one of them fails.
AFTER = Field("after", 2**17, E.JOB_ID_TOO_BIG, E.JOB_ID)
AFTER_ANY = Field("after_any", 2**17, E.JOB_ID_TOO_BIG, E.JOB_ID)
KEEP = _field("keep_after_failure", INTEGER, E.STATE)
# Ours: how often a job is tried again when it fails, after which ends, and the first wait in seconds.
RETRIES = _field("retries", INTEGER, E.STATE)
RETRY_ON = _field("retry_on", SHORT, E.STATE)
BACKOFF_WAIT = _field("backoff", INTEGER, E.STATE)
# Ours: the priority of a job among the others of its user, a number that may be negative.
PRIORITY = _field("priority", INTEGER, E.STATE)
# Ours: when a user needs a job, in seconds since 1970.
DEADLINE = Field("deadline", 16, E.STATE, E.STATE)
# Ours: whether a job comes before all others.
URGENT = _field("urgent", INTEGER, E.STATE)
# Ours: the resources that are not to get a job.
NOT_ON = Field("not_on", SHORT, E.TARGETS_TOO_BIG, E.TARGETS)
# Ours: of which events of a job its user is to be told, and where: a mail address, and that of a webhook.
NOTIFY = _field("notify", SHORT, E.SUBMIT_REFUSED)
MAIL = _field("mail", SHORT, E.SUBMIT_REFUSED)
WEBHOOK = _field("webhook", notification.MOST_URL + 1, E.SUBMIT_REFUSED)
_NOTIFY = (NOTIFY, MAIL, WEBHOOK)
_TRIES = (RETRIES, RETRY_ON, BACKOFF_WAIT)
_PLANS = (HOLD, AFTER, AFTER_ANY, KEEP, *_TRIES, PRIORITY, DEADLINE, URGENT, NOT_ON, *_NOTIFY)
PLANS = frozenset(one.name for one in _PLANS)
HOLD_REASONS = _field("reasons", SHORT, E.STATE)
# Ours: a token: its name, what it is for, its group, for how many seconds; numbers of several.
TOKEN_NAME = _field("token_name", SHORT, E.SUBMIT_REFUSED)
SCOPE = _field("scope", SHORT, E.STATE)
TOKEN_GROUP = _field("group", SHORT, E.GROUPS_TOO_BIG)
TOKEN_LIFE = _field("life", INTEGER, E.LIMIT_TOO_BIG)
TOKEN_IDS = Field("token_ids", 4096, E.JOB_ID_TOO_BIG, E.JOB_ID, E.JOB_ID)
SHOW = _field("show", SHORT, E.STATE_TOO_BIG)
CAPABILITIES = Field("capabilities", LONG, E.CAPABILITIES_TOO_BIG, E.CAPABILITIES_XML)
# Ours: where a page of a list in JSON begins.
CURSOR = _field("cursor", SHORT, E.START_TOO_BIG)
