"""The operations that read jobs."""

from lgi_server.api import fields
from lgi_server.api.context import InterfaceContext
from lgi_server.api.registry import Route
from lgi_server.auth.api_token import Scope
from lgi_server.interfaces import arrays, explain, history, jobs, output
from lgi_server.json_api.job_list import job_list
from lgi_server.json_api.job_parameters import FILTERS, NUMBER, PAGE, WAIT
from lgi_server.json_api.operation import Operation
from lgi_server.json_api.parameter import Kind, Parameter

_SHOW = {"show": "labels, times, array, usage, priority, holds, tries, fetched"}


def _reading(view: object) -> Route[InterfaceContext]:
    return Route(view, InterfaceContext, writes=False)  # type: ignore[arg-type]


OPERATIONS = (
    Operation(
        "list_jobs",
        "GET",
        "/jobs",
        _reading(job_list),
        "The jobs that you may read, newest first. Next is the cursor of the page behind, if there is one.",
        "JobList",
        query=(*FILTERS, *PAGE),
        picked=("jobs", "next"),
    ),
    Operation(
        "get_job",
        "GET",
        "/jobs/{job_id}",
        _reading(jobs.interface_job_state),
        "All data of a job. With wait the answer comes when its state is no longer state, or without state"
        " when it has ended, at the latest after wait seconds.",
        "Job",
        query=(WAIT, Parameter(fields.LISTED_STATE, "The state that you know.")),
        path_parameters=(NUMBER,),
        fixed=_SHOW,
        one="job",
    ),
    Operation(
        "get_job_output",
        "GET",
        "/jobs/{job_id}/output",
        _reading(output.interface_job_tail),
        "The output of a running job from a byte on, as far as it has come.",
        "Output",
        query=(Parameter(fields.OFFSET, "The first byte (default: 0).", Kind.INTEGER), WAIT),
        path_parameters=(NUMBER,),
        picked=("job_id", "state", "told", "complete", "offset", "tail", "tail_hex"),
    ),
    Operation(
        "get_job_history",
        "GET",
        "/jobs/{job_id}/history",
        _reading(history.interface_job_history),
        "The changes of its state, the oldest first, also of a deleted job, and its failed tries.",
        "History",
        path_parameters=(NUMBER,),
        fixed={"show": "tries, labels"},
        picked=("job_id", "changes", "tries"),
    ),
    Operation(
        "explain_job",
        "GET",
        "/jobs/{job_id}/explanation",
        _reading(explain.interface_explain_job),
        "Why a job does not run, and a verdict on each resource.",
        "Explanation",
        path_parameters=(NUMBER,),
        one="explanation",
    ),
    Operation(
        "list_job_files",
        "GET",
        "/jobs/{job_id}/files",
        Route(
            jobs.interface_job_state, InterfaceContext, writes=False, token_scopes=(Scope.READ, Scope.FILES)
        ),
        "The files in the repository of a job, and its address: GET, PUT and DELETE of files there take the"
        " token. A file at files/NAME is redirected there.",
        "FileList",
        path_parameters=(NUMBER,),
        one="job",
        only=("job_id", "repository_url", "files"),
    ),
    Operation(
        "list_arrays",
        "GET",
        "/arrays",
        _reading(arrays.interface_job_arrays),
        "The arrays that you may read, the newest first, and how far each is.",
        "ArrayList",
        query=(
            Parameter(fields.BEFORE, "Only arrays with a lower number.", Kind.INTEGER),
            Parameter(fields.LIMIT, "The most arrays.", Kind.INTEGER, least=1),
        ),
        picked=("arrays",),
    ),
    Operation(
        "get_progress",
        "GET",
        "/progress",
        _reading(arrays.interface_job_progress),
        "How far the jobs of a list are, with its filters.",
        "Progress",
        query=FILTERS,
        one="progress",
    ),
)
