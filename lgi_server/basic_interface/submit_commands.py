"""The command line and the Python that do the same as the submit form, shown before anything is submitted."""

from flask import request

from lgi_protocol import job_references
from lgi_server.api import fields
from lgi_server.api.fields import Field
from lgi_server.api.form import Form
from lgi_server.basic_interface import (
    array_form,
    deadline_fields,
    filters,
    job_commands,
    job_python,
    submit,
)
from lgi_server.basic_interface.array_form import FormArray
from lgi_server.basic_interface.job_description import ArrayDescription, JobDescription
from lgi_server.basic_interface.registry import Answer, PageContext

# The names of the files that are chosen, which a script sends instead of the files.
FILE_NAMES = "file_name"
_MOST_NAMES, _MOST_NAME = 100, 255


def show_commands(visit: PageContext) -> Answer:
    """Return the form as it was sent, with the commands; LGIError for fields that are wrong."""
    user = submit.chosen_groups(visit.user, tuple(visit.posted.getlist("groups")))
    deadline = deadline_fields.read(visit.form, visit.now)
    form = visit.form.edited([deadline_fields.NAME], lambda _typed: str(deadline or ""))
    array = array_form.read(form)
    groups = user.groups if user.groups != visit.user.groups else ()
    job = _description(visit, form, array, groups)
    commands = {
        "shell": job_commands.shell(job),
        "python": job_python.python(job),
        "needs_input": "1" if job.input and job.input_text is None else "",
        "files": " ".join(job.files),
    }
    return submit.with_commands(visit, commands)


def _description(
    visit: PageContext, form: Form, array: FormArray | None, groups: tuple[str, ...]
) -> JobDescription:
    requested = submit.reader(visit)(form, None)
    details = requested.details()
    like = visit.form.number_or(submit.LIKE, -1) if visit.posted.get(submit.WITH_FILES) else -1
    return JobDescription(
        requested.application,
        requested.target_resources,
        details.input,
        details.job_specifics,
        details.read_access,
        details.write_access,
        details.job_name,
        details.labels,
        details.plan,
        _followed(form, fields.AFTER),
        _followed(form, fields.AFTER_ANY),
        _files(visit),
        groups,
        like,
        _array(form, array) if array else None,
    )


def _followed(form: Form, field: Field) -> tuple[str, ...]:
    return tuple(job_references.split(form.line(field)))


def _array(form: Form, array: FormArray) -> ArrayDescription:
    lines = form.untrimmed(array_form.LINES) if form.text(array_form.LINES) else ""
    return ArrayDescription(form.text(array_form.NUMBERS), lines, array.at_most)


def _files(visit: PageContext) -> tuple[str, ...]:
    """Return the names of the files that were chosen, as the commands name them."""
    posted = [one.filename or "" for one in request.files.getlist("files")]
    names = [*posted, *visit.posted.getlist(FILE_NAMES)][:_MOST_NAMES]
    return tuple(filters.visible(name[:_MOST_NAME]) for name in names if name)
