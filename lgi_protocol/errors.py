"""Error numbers of the protocol (wire.md 4) and the three exceptions of a call.

* `LGIError`: this server refuses a request. Raised where a rule is broken and turned into XML once.
* `ServerError`: a project server refused our request. Read from its answer.
* `TransportError`: our request got no LGI answer at all.
"""

from enum import IntEnum


class ErrorNumber(IntEnum):
    """Error numbers of the protocol, each with its default message."""

    message: str

    def __new__(cls, number: int, message: str) -> "ErrorNumber":
        """Create a member from its number and default message."""
        member = int.__new__(cls, number)
        member._value_ = number
        member.message = message
        return member

    BACK_OFF = 1, "The server is busy, please come back later"
    CERTIFICATE = 2, "No valid client certificate of this project was presented"
    DATABASE = 3, "The project's database cannot be reached"
    PROJECT_UNKNOWN = 4, "This server does not serve that project"
    RESOURCE_UNKNOWN = 5, "That resource is not known to the project"
    MASTER = 6, "The project does not have exactly one master server"
    STALE_LOCKS_SESSION = 7, "A session is needed to remove stale locks"
    CHECK_LOCKS_SESSION = 9, "A session is needed to check locks"
    UNLOCK_SESSION = 10, "A session is needed to unlock a job"
    LOCK_SESSION = 11, "A session is needed to lock a job"
    SESSION_ID = 8, "session_id is missing or is not a number"
    SEVERAL_LOCKS = 12, "There are several locks on this job"
    NO_LOCK = 13, "There is no lock on this job"
    NOT_YOUR_LOCK = 14, "The job is not locked by this resource in this session"
    NO_JOB = 15, "There is no such job"
    NO_SESSION = 16, "The session has ended or is not this resource's"
    HOLDS_LOCKS = 17, "The session still holds locks"
    APPLICATION = 18, "application is missing or is not a name"
    JOB_ID = 19, "job_id is missing or is not a number"
    NOT_LOCKED = 20, "The job is not locked by this resource"
    NOT_A_TARGET = 21, "The resource may not lock this job: it is not one of its targets"
    CANNOT_LOCK = 22, "The job is already locked"
    CANNOT_UNLOCK = 23, "The job could not be unlocked"
    NOT_VISIBLE = 24, "The resource may not see this job: it is not one of its targets"
    STATE = 25, "state is missing or is not acceptable"
    OWNERS = 26, "owners is missing or is not acceptable"
    TARGETS = 27, "target_resources is missing or is not acceptable"
    NO_TARGET = 28, "None of the target resources is known with that application"
    OWNERS_REFUSED = 29, "None of the owners may submit this application"
    USER_DIFFERS = 30, "The posted user is not the user of the certificate"
    GROUPS = 31, "groups is missing or is not acceptable"
    USER = 32, "user is missing or is not acceptable"
    SUBMIT_REFUSED = 33, "The user may not submit this application for any of the groups"
    READ_REFUSED = 34, "The user may not read this job"
    MODIFY_REFUSED = 35, "The user may not change this job"
    INTERFACE_LOCK = 36, "The job is not there or is not locked by the interface"
    PROJECT_REFUSED = 37, "The certificate does not allow this project"
    GROUPS_REFUSED = 38, "The certificate allows none of the posted groups"
    NOT_A_SERVER = 39, "The caller is not a project server"
    VERSION = 40, "version is missing or is not a number"
    UPDATE = 41, "The update is not acceptable"
    NO_SESSION_TO_END = 42, "There is no such session to end"
    RESOURCE_NAME = 43, "resource_name is missing or is not acceptable"
    SESSION_NOT_MADE = 44, "The session could not be made"
    STATE_TOO_BIG = 45, "state is too big"
    APPLICATION_TOO_BIG = 46, "application is too big"
    JOB_ID_TOO_BIG = 47, "job_id is too big"
    START_TOO_BIG = 48, "start is too big or is not a number"
    LIMIT_TOO_BIG = 49, "limit is too big or is not a number"
    TARGETS_TOO_BIG = 50, "target_resources is too big"
    READ_ACCESS_TOO_BIG = 51, "read_access is too big or is not acceptable"
    WRITE_ACCESS_TOO_BIG = 52, "write_access is too big or is not acceptable"
    SPECIFICS_TOO_BIG = 53, "job_specifics is too big"
    INPUT_TOO_BIG = 54, "input is too big or is not hexadecimal"
    OUTPUT_TOO_BIG = 55, "output is too big or is not hexadecimal"
    GROUPS_TOO_BIG = 56, "groups is too big"
    USER_TOO_BIG = 57, "user is too big"
    PROJECT_TOO_BIG = 58, "project is too big or is not acceptable"
    VERSION_TOO_BIG = 59, "version is too big"
    SERVERS_TOO_BIG = 60, "servers is too big or is not acceptable"
    UPDATE_TOO_BIG = 61, "update is too big"
    SESSION_ID_TOO_BIG = 62, "session_id is too big"
    RESOURCE_NAME_TOO_BIG = 63, "resource_name is too big"
    FILE_TOO_BIG = 64, "An uploaded file is too big"
    POST_TOO_BIG = 65, "The whole request is too big"
    FORGERY = 66, "A cross-site request forgery is suspected"
    BROWSER_SESSION = 67, "API calls are not answered in a browser's session"
    UPLOAD = 68, "The upload to the repository failed"
    CAPABILITIES_TOO_BIG = 69, "capabilities is too big"
    APPLICATION_UNKNOWN = 70, "No resource of the project offers that application"
    OWNERS_TOO_BIG = 71, "owners is too big"
    SPECIFICS_XML = 72, "job_specifics is not acceptable XML"
    CAPABILITIES_XML = 73, "capabilities is not acceptable XML"


BACK_OFF_SECONDS = 10


class LGIError(Exception):
    """A refusal by this server; the answer is made from it in one place."""

    def __init__(
        self, number: ErrorNumber, detail: str = "", timeout: int = BACK_OFF_SECONDS, message: str = ""
    ) -> None:
        """Set the error number and a ``detail``, such as the value that is wrong.

        ``timeout`` in seconds is sent with BACK_OFF only. ``message`` replaces the default message.
        """
        self.number = number
        message = message or number.message
        self.message = f"{message}: {detail}" if detail else message
        self.timeout = timeout
        super().__init__(f"{self.message} (LGI error {int(number)})")


class ServerError(Exception):
    """A project server refused a request: the error in its answer."""

    def __init__(
        self, number: int, message: str, timeout: int = BACK_OFF_SECONDS, envelope: str = ""
    ) -> None:
        """Set number and message; ``timeout``: seconds to wait; ``envelope``: content of ``<LGI>``."""
        self.number = number
        self.message = message
        self.timeout = timeout
        self.envelope = envelope
        super().__init__(f"{message} (LGI error {number})")

    @property
    def back_off(self) -> bool:
        """Whether the error is BACK_OFF: the same call may be repeated after ``timeout`` seconds."""
        return self.number == ErrorNumber.BACK_OFF


class TransportError(Exception):
    """No LGI answer: no connection, an untrusted certificate, a timeout, or an answer that is not LGI's."""

    def __init__(self, server: str, reason: str, sent: bool = False, excerpt: str = "") -> None:
        """Set the URL of the server and the reason.

        ``sent``: the server may have received the request. ``excerpt``: begin of an answer that is not LGI's.
        """
        self.server = server
        self.reason = reason
        self.sent = sent
        self.excerpt = excerpt
        super().__init__(f"{server}: {reason}")
