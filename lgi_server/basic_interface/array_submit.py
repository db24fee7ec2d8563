"""The submit of an array from the form: in parts as large as a call may be, each in its own transaction."""

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

from lgi_protocol.array_elements import ArrayElement
from lgi_protocol.errors import ErrorNumber, LGIError
from lgi_server.api import fields
from lgi_server.api.dispatch import repository_writer, transact
from lgi_server.api.form import Form
from lgi_server.basic_interface import array_form
from lgi_server.basic_interface.array_form import FormArray
from lgi_server.basic_interface.registry import AfterCommit, PageContext, PageUser, Redirect
from lgi_server.db.transaction import Transaction
from lgi_server.services.access.principals import UserPrincipal
from lgi_server.services.jobs import bulk_submission, idempotency
from lgi_server.services.jobs.array_submission import ArraySubmit
from lgi_server.services.jobs.bulk_submission import Outcome
from lgi_server.services.jobs.idempotency import IdempotencyKey
from lgi_server.services.jobs.submit_request import JobPayload, SubmitContext, SubmitRequest
from lgi_server.storage.repository import RepositoryWriter
from lgi_server.tables.job_queue.jobs import JobRow

# Reads the request of a job from a form; with the key it stays one job, however often it is sent.
ReadRequest = Callable[[Form, IdempotencyKey | None], SubmitRequest]


class ArrayCutError(LGIError):
    """A part of an array is submitted; the same form, sent again, goes on behind it."""

    def __init__(self, cause: LGIError, done: int, size: int, array_id: int) -> None:
        """Set the cause, and how many elements are submitted."""
        kept = f"{done} of {size} elements are submitted, as array {array_id}"
        super().__init__(
            cause.number,
            message=f"{kept}. To go on send the form again as it is, with the same files. {cause.message}",
        )


def submit(
    visit: PageContext, user: UserPrincipal, array: FormArray, form: Form, read_request: ReadRequest
) -> AfterCommit:
    """Check the fields and the size of an array, and submit it after that; LGIError."""
    made_up = IdempotencyKey(f"user {user.name}", secrets.token_urlsafe(16))
    key = idempotency.make_key("user", user.name, form.line(fields.REQUEST_ID)) or made_up
    asked = ArraySubmit(key, len(array.elements), array.at_most)
    parts = _Parts(visit.visitor, user, array, asked, form, read_request)
    first = parts.request(array.elements[0])
    # Read already here: what is wrong in all elements is said as it is of a single job.
    details = first.details()
    try:
        parts.check_bytes(details)
        bulk_submission.check_size(
            parts.context(visit.transaction, visit.store), user, first.application, asked
        )
    except LGIError as refused:
        raise array.field.refusal(refused.number, refused.message) from None
    return AfterCommit(parts.submit_all)


@dataclass(frozen=True)
class _Parts:
    """An array, which is submitted in parts."""

    visitor: PageUser
    user: UserPrincipal
    array: FormArray
    asked: ArraySubmit
    form: Form
    read_request: ReadRequest

    @property
    def most(self) -> int:
        """How many elements a part has at most."""
        return self.visitor.server.config.max_jobs_at_once

    def request(self, element: ArrayElement) -> SubmitRequest:
        """Return the request of an element."""
        key = self.asked.key
        own = IdempotencyKey(key.caller, f"{key.request_id}.{element.index}")
        found = self.read_request(array_form.written(self.form, element), own)
        return replace(found, element=(key.request_id, element.index))

    def check_bytes(self, details: JobPayload) -> None:
        """Raise LGIError POST_TOO_BIG for more data than a request may have: a small form could fill a disk.

        ``details`` are those of an element, the same in all but for the fields that have values; the files
        are stored once for each part.
        """
        files = sum(upload.size for upload in details.uploads)
        same = (details.job_specifics, details.job_name, *details.read_access, *details.write_access)
        size = self.array.written_bytes + sum(len(text.encode()) for text in same) * self.asked.size
        size += files * -(-self.asked.size // self.most)
        most = self.visitor.server.config.max_post_size
        if size > most:
            raise LGIError(
                ErrorNumber.POST_TOO_BIG, f"{size} bytes of all elements, at most {most} are allowed"
            )

    def context(self, transaction: Transaction, store: RepositoryWriter) -> SubmitContext:
        """Return the context in which elements are submitted."""
        server = self.visitor.server
        project = server.config.projects[self.visitor.project]
        der = self.visitor.who.der
        return SubmitContext(transaction, server.config, store, self.visitor.now, project, der)

    def submit_all(self) -> Redirect:
        """Submit all parts and return where the array is; LGIError, ArrayCutError behind the first part."""
        elements, most = self.array.elements, self.most
        array_id = 0
        for begin in range(0, len(elements), most):
            try:
                outcomes = self._submit(elements[begin : begin + most])
            except LGIError as refused:
                if not array_id:
                    raise
                raise ArrayCutError(refused, begin, len(elements), array_id) from None
            known = (one.array_id for one in outcomes if isinstance(one, JobRow))
            array_id = next((number for number in known if number), array_id)
        # None of it is left when the form is sent again after all its elements were deleted.
        return Redirect(f"arrays/{array_id}" if array_id else "jobs")

    def _submit(self, elements: Sequence[ArrayElement]) -> list[Outcome]:
        server = self.visitor.server
        entries = [partial(self.request, element) for element in elements]
        store = repository_writer(server)

        def work(transaction: Transaction) -> list[Outcome]:
            context = self.context(transaction, store)
            return bulk_submission.submit_all_as_user(context, self.user, entries, self.asked)

        return transact(server, server.projects[self.visitor.project], work)
