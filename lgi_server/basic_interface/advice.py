"""Advice for the page of an error: what a person can do about it."""

from collections.abc import Mapping

from lgi_protocol.errors import ErrorNumber, LGIError

_ADVICE: Mapping[ErrorNumber, str] = {
    ErrorNumber.BACK_OFF: "The server has much to do. Load the page again in some seconds.",
    ErrorNumber.DATABASE: "Load the page again in a minute. If that does not help, tell an administrator.",
    ErrorNumber.NO_JOB: "It may be deleted, or be of somebody who has not shared it: ask them for access. "
    "The list of jobs has all that you may read.",
    ErrorNumber.READ_REFUSED: "Ask an administrator of the project for the right.",
    ErrorNumber.MODIFY_REFUSED: "You may read it, but not change it: ask its owner to share it for changes.",
    ErrorNumber.PROJECT_REFUSED: "Your certificate is for other projects: ask an administrator of this one.",
    ErrorNumber.CANNOT_LOCK: "A resource has the job at this moment. Try again in some seconds.",
    ErrorNumber.FORGERY: "Go back, load the page with the form again, and send it from there.",
    ErrorNumber.FILE_TOO_BIG: "Leave files out, or send them with LGI_filetransfer.",
    ErrorNumber.POST_TOO_BIG: "Send less at once, or use LGI_qsub and LGI_filetransfer.",
    ErrorNumber.SUBMIT_REFUSED: "Ask an administrator which applications you may use, and how many jobs.",
    ErrorNumber.UPLOAD: "Look at the names and sizes of the files, then try again.",
}
_USUAL = "Go back, change what is named here, and send it again."


def advice(refused: LGIError) -> str:
    """Return what to do about an error."""
    return _ADVICE.get(refused.number, _USUAL)
