"""The fields of all calls, each declared once: name, limit, and error numbers (wire.md 3 and 4)."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from lgi_protocol import comma_lists, common_name, hexcode, xml
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

    def check_size(self, value: str, digits: int = 1) -> None:
        """Raise LGIError ``too_big`` for too many bytes; ``digits`` characters encode one byte."""
        size = -(-len(value.encode("utf-8", "surrogatepass")) // digits)
        if size >= self.limit:
            raise LGIError(self.too_big, f"{size} bytes, at most {self.limit - 1} are allowed")


def _field(name: str, limit: int, too_big: ErrorNumber, missing: ErrorNumber | None = None) -> Field:
    return Field(name, limit, too_big, missing or too_big, missing)


E = ErrorNumber
PROJECT = _field("project", SHORT, E.PROJECT_TOO_BIG)
USER = _field("user", SHORT, E.USER_TOO_BIG, E.USER)
GROUPS = _field("groups", SHORT, E.GROUPS_TOO_BIG, E.GROUPS)
JOB_ID = _field("job_id", INTEGER, E.JOB_ID_TOO_BIG, E.JOB_ID)
SESSION_ID = _field("session_id", INTEGER, E.SESSION_ID_TOO_BIG, E.SESSION_ID)
# Ours: the number of the daemon that signs up, which tells two with one certificate apart.
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
KNOWN_WATCHED = Field("watched", 8192, E.JOB_ID_TOO_BIG, E.JOB_ID)
# Ours: the jobs of a bulk submit, as JSON. All text fields together have at most a megabyte.
JOBS = _field("jobs", 2**20, E.POST_TOO_BIG, E.UPLOAD)
# Ours: usage of users or groups, the columns to group it by, and the month.
USAGE_KIND = _field("kind", SHORT, E.STATE_TOO_BIG)
USAGE_BY = _field("by", SHORT, E.STATE_TOO_BIG)
USAGE_MONTH = _field("month", INTEGER, E.LIMIT_TOO_BIG)
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
ENDED = _field("ended", SHORT, E.STATE)
CAPABILITIES = Field("capabilities", LONG, E.CAPABILITIES_TOO_BIG, E.CAPABILITIES_XML)


class Form:
    """Posted fields. Each is checked when it is read, so that errors come in the order of LGI."""

    def __init__(self, posted: Mapping[str, str]) -> None:
        """Create the form of untrusted text by field name."""
        self._posted = posted

    def has(self, name: str) -> bool:
        """Return whether a field was posted, even if it is empty."""
        return name in self._posted

    def text(self, field: Field, digits: int = 1) -> str:
        """Return a value without leading and trailing blanks, empty when an optional field is not posted.

        ``digits`` characters encode one byte of it. Raises LGIError ``missing`` or ``too_big`` of the field.
        """
        value = self._posted.get(field.name, "").strip()
        if not value:
            if field.missing is not None:
                raise LGIError(field.missing)
            return ""
        field.check_size(value, digits)
        return value

    def untrimmed(self, field: Field) -> str:
        """Return a value with its leading and trailing blanks, which names of files may have.

        Raises LGIError as `text` does.
        """
        value = self._posted.get(field.name, "")
        self.text(field)
        return value

    def line(self, field: Field) -> str:
        """Return a trimmed value without control characters; LGIError as `text`, or ``malformed``."""
        value = self.text(field)
        if common_name.has_control(value):
            raise LGIError(field.malformed, "it has control characters or is not UTF-8")
        return value

    def filter(self, field: Field) -> tuple[str, bool]:
        """Return the value of a filter, empty for ``any``, and whether it is negated (``!x``)."""
        posted = self.line(field)
        value = posted.removeprefix("!").strip()
        return ("", False) if value in {"", comma_lists.ANY} else (value, posted.startswith("!"))

    def number(self, field: Field) -> int:
        """Return a decimal number; LGIError as `text`, or ``malformed``."""
        value = self.text(field)
        if not (value.isascii() and value.isdigit()):
            raise LGIError(field.malformed, f"{_shown(value)} is not a number")
        return int(value)

    def number_or(self, field: Field, default: int) -> int:
        """Return a decimal number, or the default for any other text; LGIError as `text`.

        # As LGI: start, limit and a list's job_id that are not numbers count as not posted.
        """
        value = self.text(field)
        return int(value) if value.isascii() and value.isdigit() else default

    def number_to_look_up(self, field: Field) -> int:
        """Return a number, or 0, which no row has, for a value that `number` refuses."""
        value = self._posted.get(field.name, "").strip()
        return int(value) if len(value) < field.limit and value.isascii() and value.isdigit() else 0

    def names(self, field: Field) -> tuple[str, ...]:
        """Return the different names in a comma list; LGIError as `line`."""
        values = comma_lists.unique(comma_lists.split(self.line(field)))
        if field.missing is not None and not values:
            raise LGIError(field.missing)
        return values

    def numbers(self, field: Field) -> frozenset[int]:
        """Return the numbers in a comma list; LGIError as `line`."""
        values = self.names(field)
        if not all(value.isascii() and value.isdigit() for value in values):
            raise LGIError(field.malformed, f"{_shown(comma_lists.join(values))} is not a list of numbers")
        return frozenset(int(value) for value in values)

    def tags(self, field: Field, most: int) -> tuple[str, ...]:
        """Return the different applications in a comma list; LGIError as `line`, ``too_big`` for too many."""
        values = self.names(field)
        for value in values:
            if not xml.is_name(value):
                raise LGIError(field.malformed, f"{_shown(value)} cannot be the name of an application")
        if len(values) > most:
            raise LGIError(field.too_big, f"{len(values)} names, at most {most} are allowed")
        return values

    def tag(self, field: Field) -> str:
        """Return a name that can be the name of an XML element, as of an application (ruling 3).

        Raises LGIError as `line`.
        """
        value = self.line(field)
        if value and not xml.is_name(value):
            raise LGIError(field.malformed, f"{_shown(value)} cannot be the name of an application")
        return value

    def data(self, field: Field) -> bytes:
        """Return the bytes of a hexadecimal value; LGIError as `text`, or ``malformed``."""
        value = self.text(field, hexcode.DIGITS)
        try:
            return hexcode.decode(value)
        except ValueError as error:
            raise LGIError(field.malformed, str(error)) from None

    def typed(self, field: Field) -> bytes:
        """Return text typed into a form, with all blanks, and with LF for the CRLF that browsers send.

        Raises LGIError ``too_big``.
        """
        value = self._posted.get(field.name, "").replace("\r\n", "\n").encode("utf-8", "replace")
        if len(value) >= field.limit:
            raise LGIError(field.too_big, f"{len(value)} bytes, at most {field.limit - 1} are allowed")
        return value

    def markup(
        self, field: Field, clean: Callable[[str], str] = str, reserved: frozenset[str] = frozenset()
    ) -> str:
        """Return a fragment of XML that answers can contain as it is; LGIError as `text`, or ``malformed``.

        ``clean`` removes tags that a caller may post back; ``reserved`` are further tags that are refused.
        """
        value = clean(self.text(field))
        if "\ufffd" in value:
            raise LGIError(field.malformed, "it is not UTF-8")
        try:
            xml.check_fragment(value, xml.RESERVED_TAGS | reserved)
        except ValueError as error:
            raise LGIError(field.malformed, str(error)) from None
        return value


def _shown(value: str) -> str:
    """Return a value for an error message: short and on one line."""
    return repr(value[:40])
