"""The calls of `Project` about jobs that exist."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from lgi_protocol import hexcode
from lgi_protocol.errors import TransportError
from lgi_protocol.reply import Reply
from lgi_tools.client.job import AnyJob, id_of
from lgi_tools.client.job_request import Submission

if TYPE_CHECKING:
    # Most commands do not need them.
    from lgi_tools.client.delete_calls import DeleteOutcome
    from lgi_tools.client.explanation import Explanation
    from lgi_tools.client.fetch_calls import FetchOutcome
    from lgi_tools.client.hold_calls import HoldOutcome
    from lgi_tools.client.priority_calls import PriorityOutcome
    from lgi_tools.client.share_calls import ShareOutcome
    from lgi_tools.client.tail import Tail


class JobCalls(ABC):
    """Calls about jobs of a project; a subclass makes them."""

    @property
    @abstractmethod
    def server(self) -> str:
        """The URL of the project server."""

    @abstractmethod
    def _call(self, name: str, fields: Mapping[str, str], files: tuple[Path, ...] = ()) -> Reply:
        """Make an interface call."""

    def resubmit(self, jobs: Iterable[AnyJob]) -> list[Submission]:
        """Queue a job like each of these, which have ended, with its files; return the outcomes.

        A refused job does not stop the others. Raises TransportError from an older server.
        """
        from lgi_tools.client.resubmission import resubmit

        return list(resubmit(self._call, self.server, [id_of(job) for job in jobs]))

    def delete_jobs(self, jobs: Iterable[AnyJob]) -> "list[DeleteOutcome]":
        """Delete jobs, and abort those that run; return the outcomes.

        A job that is being aborted can be deleted when it has ended. A refused job does not stop the others.
        """
        from lgi_tools.client.delete_calls import delete_jobs

        return list(delete_jobs(self._call, self.server, [id_of(job) for job in jobs]))

    def hold(self, jobs: Iterable[AnyJob], why: str = "") -> "list[HoldOutcome]":
        """Keep queued jobs from being started until they are released; return the outcomes.

        A refused job does not stop the others. Raises TransportError from an older server.
        """
        from lgi_tools.client.hold_calls import HOLD, change_holds

        more = {"text": why} if why else {}
        return list(change_holds(self._call, self.server, HOLD, [id_of(job) for job in jobs], more))

    def release(self, jobs: Iterable[AnyJob], *, now: bool = False) -> "list[HoldOutcome]":
        """Release queued jobs that users hold; ``now`` also ends the wait for other jobs or the next try.

        Returns the outcomes, each with what still holds the job. A refused job does not stop the others.
        """
        from lgi_tools.client.hold_calls import RELEASE, change_holds

        more = {"reasons": "user, after, retry"} if now else {}
        return list(change_holds(self._call, self.server, RELEASE, [id_of(job) for job in jobs], more))

    def share(
        self, jobs: Iterable[AnyJob], names: Iterable[str], *, write: bool = False
    ) -> "list[ShareOutcome]":
        """Let users and groups read jobs, with ``write`` change them too; return the outcomes.

        A refused job does not stop the others. Raises TransportError from an older server.
        """
        from lgi_tools.client.share_calls import change_access

        given = {"writers" if write else "readers": names}
        return list(change_access(self._call, self.server, [id_of(job) for job in jobs], **given))

    def unshare(self, jobs: Iterable[AnyJob], names: Iterable[str]) -> "list[ShareOutcome]":
        """Take the access of users and groups to jobs away; owners keep theirs. Returns the outcomes.

        A refused job does not stop the others. Raises TransportError from an older server.
        """
        from lgi_tools.client.share_calls import change_access

        numbers = [id_of(job) for job in jobs]
        return list(change_access(self._call, self.server, numbers, removed=names))

    def prioritize(
        self, jobs: Iterable[AnyJob], priority: int | None = None, *, deadline: int | None = None
    ) -> "list[PriorityOutcome]":
        """Give queued jobs a priority from -100 to 100 among the others of their user, a deadline, or both.

        The ``deadline`` is in Unix seconds, 0 for none. Returns the outcomes: a refused job does not stop the
        others. Raises ValueError for neither, TransportError from an older server.
        """
        from lgi_tools.client.priority_calls import change_priorities

        numbers = [id_of(job) for job in jobs]
        return list(change_priorities(self._call, self.server, numbers, priority, deadline))

    def confirm_results(self, jobs: Iterable[AnyJob]) -> "list[FetchOutcome]":
        """Tell the server that you have all results of jobs that have ended; return the outcomes.

        LGI_clean removes such jobs. Raises TransportError from an older server.
        """
        from lgi_tools.client.fetch_calls import confirm_results

        return list(confirm_results(self._call, self.server, [id_of(job) for job in jobs]))

    def tail(self, job: AnyJob, offset: int = 0, wait: int = 0) -> "Tail":
        """Return the output of a running job from a byte offset on, as far as its resource has sent it.

        The call makes the resource send output for half a minute. The server holds the call for up to
        ``wait`` seconds while there is no new output. Raises TransportError, with `is_unknown_call`, from
        an older server.
        """
        from lgi_tools.client.tail import Tail

        fields = {"job_id": str(id_of(job)), "offset": str(offset)} | held_for(wait)
        reply = self._call("job_tail", fields)
        try:
            data = hexcode.decode(reply.value("tail"))
        except ValueError as error:
            raise TransportError(self.server, f"the answer has a tail that cannot be read: {error}") from None
        live, complete = reply.number("told") > 0, reply.number("complete") > 0
        return Tail(reply.value("state"), reply.number("offset"), data, live, complete)

    def explain(self, job: AnyJob) -> "Explanation":
        """Return why a job does not run. Raises TransportError (`is_unknown_call`) from an older server."""
        from lgi_tools.client.explanation import read_explanation

        reply = self._call("explain_job", {"job_id": str(id_of(job))})
        (found,) = reply.all("explanation") or [""]
        return read_explanation(found)


def held_for(seconds: int) -> dict[str, str]:
    """Return the field by which a server holds a call for so many seconds."""
    return {"wait": str(seconds)} if seconds else {}
