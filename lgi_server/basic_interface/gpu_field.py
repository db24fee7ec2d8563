"""The field for GPUs of the submit form: a number, which becomes an element of the specifics."""

from lgi_protocol.capabilities import GPUS
from lgi_server.api import fields
from lgi_server.api.form import Form

NAME = fields.GPUS.name


def specifics(form: Form) -> str:
    """Return the posted specifics with the number of GPUs, if it is posted; LGIError."""
    text = form.markup(fields.SPECIFICS, reserved=fields.DAEMON_REFERENCE)
    if not form.text(fields.GPUS):
        return text
    number = form.number(fields.GPUS)
    if f"<{GPUS}>" in text:
        why = "the specifics have a number of GPUs too: leave one of the two out"
        raise fields.GPUS.refusal(fields.GPUS.malformed, why)
    return f"{text}<{GPUS}> {number} </{GPUS}>" if number else text
