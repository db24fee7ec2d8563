"""Jobs that are submitted again together, after a question when some are of somebody else."""

from collections.abc import Sequence

from lgi_protocol.errors import LGIError
from lgi_server.api import fields
from lgi_server.basic_interface import chosen_jobs
from lgi_server.basic_interface.chosen_jobs import Outcome
from lgi_server.basic_interface.job import seen
from lgi_server.basic_interface.registry import PageContext, Template
from lgi_server.services.jobs import idempotency, resubmission
from lgi_server.services.jobs.submit_request import SubmitContext
from lgi_server.tables.job_queue.jobs import JobRow


def question(visit: PageContext, numbers: Sequence[int]) -> Template | None:
    """Return the form that asks before scripts of others are run as the user; None if none is of others."""
    found, refused = list[JobRow](), dict[int, LGIError]()
    for number in numbers:
        try:
            found.append(seen(visit, number))
        except LGIError as error:
            refused[number] = error
    owners = sorted({job.owners[0] for job in found} - {visit.user.name})
    if not owners:
        return None
    values = {
        "jobs": found,
        "refused": refused,
        "owners": owners,
        "failed_of": visit.form.begin(chosen_jobs.FAILED_OF),
        "back": chosen_jobs.back(visit),
        "request_id": visit.form.line(fields.REQUEST_ID),
    }
    return Template("basic_interface/again_question.html", values)


def submit_again(visit: PageContext, numbers: Sequence[int]) -> list[Outcome]:
    """Submit jobs like those with these numbers."""
    server = visit.visitor.server
    project = server.config.projects[visit.visitor.project]
    context = SubmitContext(visit.transaction, server.config, visit.store, visit.now, project)
    form_id, user = visit.form.line(fields.REQUEST_ID), visit.user

    def run(there: Sequence[int]) -> list[Outcome]:
        # The page shown twice submits each job once.
        keys = {one: idempotency.make_key("user", user.name, f"{form_id}.{one}") for one in there}
        return resubmission.resubmit_all(context, user, keys)

    return chosen_jobs.each(visit, numbers, run)
