"""The result of a job that has ended."""

import re

from lgi_protocol.value_object import value_object
from lgi_tools.client.job import Details
from lgi_tools.client.job_end import Outcome

# The trailer that applications/command writes for programs that do not read the fields; it is removed here.
_TRAILER = re.compile(
    rb"(?:\A|(?<=\n))(?:\[LGI: not stored: [^\n]*\]\n)?"
    rb"\[LGI: (?:exit code [0-9]{1,3}|no exit code)(?:: [^\n]*)?\]\n?\Z"
)


@value_object
class Result:
    """The result of a job; ``output`` is without the trailer line for older programs."""

    job: Details
    output: bytes

    @property
    def exit_code(self) -> int | None:
        """The exit code of the job; None when unknown."""
        return self.job.exit_code

    @property
    def exit_signal(self) -> int | None:
        """The signal that ended the job; None when unknown or none."""
        return self.job.exit_signal

    @property
    def reason(self) -> str:
        """The cause of the end, or a remark for the owner; may be empty."""
        return self.job.end_reason

    @property
    def outcome(self) -> Outcome | None:
        """Whether the job succeeded, failed, or its result is unknown."""
        return self.job.end.outcome

    @property
    def ok(self) -> bool:
        """Whether the job is known to have succeeded: finished with exit code 0."""
        return self.outcome is Outcome.SUCCEEDED

    @property
    def text(self) -> str:
        """The output as text; bytes that are not UTF-8 become question marks."""
        return self.output.decode("utf-8", "replace")


def result_of(job: Details) -> Result:
    """Return the result of an ended job."""
    return Result(job, _TRAILER.sub(b"", job.output))
