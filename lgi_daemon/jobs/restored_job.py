"""A job that its server has as queued, without the reference of the daemon that has it.

The server's database was restored from a backup that is older than the claim. The job is taken back, as one
that was queued again.
"""

from dataclasses import replace

from lgi_daemon.rundir.record import JobRecord, Phase, claimed_by
from lgi_protocol.daemon_reference import with_reference
from lgi_protocol.job_description import JobDescription
from lgi_protocol.job_repository import url_of
from lgi_protocol.states import State, normalized


def is_restored(record: JobRecord, answer: JobDescription) -> bool:
    """Return whether a queued job is the very one that is here, though no reference says so.

    It has the same owners, application and repository: no two jobs have the same repository.
    """
    if record.phase is not Phase.ACCEPTED or record.disowned or claimed_by(record, answer):
        return False
    place = url_of(answer.job_specifics)
    return (
        normalized(answer.state) is State.QUEUED
        and (record.application, record.owners) == (answer.application, answer.owners)
        and bool(place)
        and place == url_of(record.job_specifics)
    )


def recognized(record: JobRecord, answer: JobDescription) -> JobDescription:
    """Return an answer with the reference of the record, if it is of the very job that is here."""
    if not is_restored(record, answer):
        return answer
    return replace(answer, job_specifics=with_reference(record.reference, answer.job_specifics))


def claim_fields(record: JobRecord, answer: JobDescription) -> dict[str, str]:
    """Return what proves to the server that a queued job is ours, or makes it so after a restore."""
    if is_restored(record, answer):
        return {"job_specifics": with_reference(record.reference, answer.job_specifics)}
    return {"daemon_reference": record.reference}
