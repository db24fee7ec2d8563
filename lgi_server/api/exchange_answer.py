"""The answer of an exchange (wire.md 6, ours)."""

import logging
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from functools import partial

from lgi_protocol import comma_lists, hexcode
from lgi_protocol.errors import LGIError
from lgi_protocol.job_repository import is_of_user
from lgi_protocol.xml import Element
from lgi_server.api.exchange_context import ExchangeContext
from lgi_server.api.exchange_form import FormReport
from lgi_server.api.responses import Elements, Incomplete
from lgi_server.auth import client_certificate
from lgi_server.auth.job_certificate import JobClaims
from lgi_server.services.jobs.exchange import ExchangeOutcome
from lgi_server.services.jobs.exchange_request import GivenJob, RefusedItem, Verdict

log = logging.getLogger("lgi.api")


def elements(call: ExchangeContext, outcome: ExchangeOutcome) -> Elements:
    """Return the elements behind the header; certificates and numbers of files are added after the commit."""
    jobs = [
        Incomplete("job", call.answers.given(given.job), number, rest=partial(_rest, call, given))
        for number, given in enumerate(outcome.jobs, 1)
    ]
    return (
        Element("reports", tuple(Element("report", one) for one in _reports(call, outcome))),
        Element("holds", tuple(Element("hold", _hold(call, one)) for one in outcome.held.verdicts)),
        Element("watched", comma_lists.join(map(str, outcome.watched))),
        *_attaches(outcome),
        Element("spent", comma_lists.join(outcome.handout.spent)),
        Element("number_of_jobs", len(jobs)),
        *jobs,
        Element("more", int(outcome.handout.has_more)),
        *_refused(call.exchange.requests.refused),
    )


def _attaches(outcome: ExchangeOutcome) -> Elements:
    """Return the new sessions of LGI_attach, no element without one."""
    listed = [
        Element("attach", (Element("job_id", one.job_id), Element("session", one.session_token)))
        for one in outcome.attaches
    ]
    return (Element("attaches", tuple(listed)),) if listed else ()


# The element in which an item of each kind is named.
_NAMES = {"want": "application", "reference": "daemon_reference"}


def _refused(items: Sequence[RefusedItem]) -> Elements:
    """Return the wants and references that cannot be read, no element if all could be."""
    listed = [Element(one.kind, (Element(_NAMES[one.kind], one.name), *_error(one.error))) for one in items]
    return (Element("refused", tuple(listed)),) if listed else ()


def _error(error: LGIError) -> Elements:
    return Element("error_number", int(error.number)), Element("error_message", error.message)


def _verdict(call: ExchangeContext, one: Verdict) -> Elements:
    named = (Element("job_id", one.job_id), Element("daemon_reference", one.reference))
    if one.error is not None:
        return (*named, *_error(one.error))
    now = ("state", "state_time_stamp")
    return (*named, *(call.answers.element(one.job, name) for name in now if one.job is not None))


def _reports(call: ExchangeContext, outcome: ExchangeOutcome) -> Iterator[Elements]:
    """Provide what is said of each report; how many files are stored only where files were posted."""
    for report, one in zip(call.exchange.reports, outcome.reports, strict=True):
        stored = report.stored if isinstance(report, FormReport) and one.error is None else 0
        files = (Element("files", stored),) if stored else ()
        yield (*_verdict(call, one), *files)


def _hold(call: ExchangeContext, one: Verdict) -> Elements:
    """Return what is said of a held job; its specifics are escaped, since a user's XML may have any tag."""
    if one.job is None:
        return _verdict(call, one)
    specifics = Element("job_specifics", call.answers.specifics(one.job))
    return (*_verdict(call, one), specifics, call.answers.element(one.job, "target_resources"))


def _rest(call: ExchangeContext, given: GivenJob) -> Elements:
    """Return the certificate of a job, if it can have one, and the number of files in its repository."""
    certificate = _certificate(call, given)
    made = (Element("job_certificate", hexcode.encode(certificate)),) if certificate else ()
    return (*made, Element("repository_files", _number_of_files(call, given.job.repository)))


def _number_of_files(call: ExchangeContext, repository: str) -> int:
    """Return the number of users' files, -1 if it is not known: only the disk is read."""
    if not repository or not call.runtime.config.repositories_on_disk:
        return -1 if repository else 0
    try:
        return sum(is_of_user(stored.name) for stored in call.runtime.repositories.content(repository))
    except (LGIError, OSError) as error:
        log.warning("cannot list repository %s: %s", repository, error)
        return -1


def _certificate(call: ExchangeContext, given: GivenJob) -> bytes:
    """Return a certificate (PEM), empty if none was requested or the request cannot be used.

    The job runs by now. Its daemon may request one again (resource_job_certificate), and is told why not.
    """
    authority, request = call.runtime.trust.jobs, given.reference.request
    if authority is None or not request:
        return b""
    registered = call.resource.client_certificate
    claims = JobClaims(
        project=call.project.name,
        job_id=given.job.job_id,
        resource=call.resource.resource_name,
        reference=given.reference.reference,
        certificate=client_certificate.fingerprint(registered),
    )
    own = client_certificate.read(client_certificate.der_of(registered))
    try:
        return authority.issue_once(request, claims, own.not_after, datetime.fromtimestamp(call.now, UTC))
    except LGIError as refused:
        log.warning("job %d gets no certificate: %a", given.job.job_id, str(refused))
        return b""
