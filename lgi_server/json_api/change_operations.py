"""The operations that submit and change jobs."""

import json
from http import HTTPStatus

from lgi_server.api import fields
from lgi_server.api.context import InterfaceContext
from lgi_server.api.registry import Route
from lgi_server.interfaces import fetched_results, holds, jobs, priorities, sharing, submit
from lgi_server.json_api import body
from lgi_server.json_api.endpoint import object_fields
from lgi_server.json_api.job_parameters import IDS, JOB, NUMBER
from lgi_server.json_api.openapi import object_schema
from lgi_server.json_api.operation import Fields, Operation
from lgi_server.json_api.parameter import Kind, Parameter
from lgi_server.json_api.values import Json

_KEY = Parameter(fields.REQUEST_ID, "The same for each attempt to submit this job.")
_INDEX = Parameter(fields.ARRAY_INDEX, "Its index in the array, from 1.", Kind.INTEGER)
_ENTRY = {one.key: one for one in (*JOB, _KEY, _INDEX)}
_ARRAY = {
    one.key: one
    for one in (
        Parameter(fields.ARRAY, "The same for all requests with elements of it.", name="key", required=True),
        Parameter(fields.ARRAY_SIZE, "How many elements it has.", Kind.INTEGER, name="size", required=True),
        Parameter(fields.AT_MOST, "How many may run at once.", Kind.INTEGER),
    )
}
_OUTCOMES = ("jobs", "most_jobs")


def read_jobs(posted: Json, key: str) -> Fields:
    """Return the fields of a submit of many jobs; LGIError UPLOAD.

    Each job has its request_id, or the key of the request and its own number.
    """
    listed = posted.get("jobs")
    if not set(posted) <= {"jobs", "array"} or not isinstance(listed, list):
        raise body.malformed("it has to be an object with jobs, and array if they are elements")
    array = posted.get("array", {})
    if not isinstance(array, dict):
        raise body.malformed("array is not an object")
    found = []
    for number, one in enumerate(listed, 1):
        if not isinstance(one, dict):
            raise body.malformed(f"job {number} is not an object")
        entry = {fields.TARGETS.name: "any"} | object_fields(one, _ENTRY)
        if key:
            entry.setdefault(fields.REQUEST_ID.name, f"{key}.{number}")
        found.append(entry)
    return {fields.JOBS.name: json.dumps(found)} | object_fields(array, _ARRAY if "array" in posted else {})


OPERATIONS = (
    Operation(
        "submit_job",
        "POST",
        "/jobs",
        Route(submit.interface_submit_job, InterfaceContext),
        "Queue a job. Its files are put at its repository_url; hold it until they are there.",
        "Job",
        body=JOB,
        fixed={"target_resources": "any", "show": "labels, times, array, priority, holds, tries"},
        one="job",
        status=HTTPStatus.CREATED,
        idempotent_key=True,
    ),
    Operation(
        "submit_jobs",
        "POST",
        "/jobs/batch",
        Route(submit.interface_submit_jobs, InterfaceContext, bulk=True),
        "Queue many jobs, each judged by itself: the answer has the number of each, or its error.",
        "OutcomeList",
        read=read_jobs,
        body_schema={
            "type": "object",
            "properties": {
                "jobs": {"type": "array", "items": object_schema((*JOB, _KEY, _INDEX))},
                "array": object_schema(tuple(_ARRAY.values())),
            },
            "required": ["jobs"],
            "additionalProperties": False,
        },
        picked=(*_OUTCOMES, "array_id"),
        status=HTTPStatus.CREATED,
        idempotent_key=True,
    ),
    Operation(
        "delete_job",
        "DELETE",
        "/jobs/{job_id}",
        Route(jobs.interface_delete_job, InterfaceContext),
        "Delete a job, or have a running one aborted.",
        "ListedJob",
        path_parameters=(NUMBER,),
        one="job",
    ),
    Operation(
        "delete_jobs",
        "POST",
        "/jobs/delete",
        Route(jobs.interface_delete_jobs, InterfaceContext),
        "Delete jobs, or have running ones aborted.",
        "OutcomeList",
        body=(IDS,),
        picked=_OUTCOMES,
    ),
    Operation(
        "hold_jobs",
        "POST",
        "/jobs/hold",
        Route(holds.interface_hold_jobs, InterfaceContext),
        "Keep queued jobs from being given out.",
        "OutcomeList",
        body=(IDS, Parameter(fields.HOLD_TEXT, "Why.")),
        picked=_OUTCOMES,
    ),
    Operation(
        "release_jobs",
        "POST",
        "/jobs/release",
        Route(holds.interface_release_jobs, InterfaceContext),
        "Take away the holds of jobs.",
        "OutcomeList",
        body=(
            IDS,
            Parameter(fields.HOLD_REASONS, "Which, of user, after, retry (default: user).", Kind.NAMES),
        ),
        picked=_OUTCOMES,
    ),
    Operation(
        "share_jobs",
        "POST",
        "/jobs/share",
        Route(sharing.interface_share_jobs, InterfaceContext),
        "Let others read jobs, or change them too, or end that.",
        "OutcomeList",
        body=(
            IDS,
            Parameter(fields.READ_ACCESS, "Who may read them.", Kind.NAMES),
            Parameter(fields.WRITE_ACCESS, "Who may also change them.", Kind.NAMES),
            Parameter(fields.NO_ACCESS, "Who may do so no more.", Kind.NAMES),
        ),
        picked=(*_OUTCOMES, "unknown_names"),
    ),
    Operation(
        "prioritize_jobs",
        "POST",
        "/jobs/prioritize",
        Route(priorities.interface_prioritize_jobs, InterfaceContext),
        "Change the order of your own queued jobs.",
        "OutcomeList",
        body=(
            IDS,
            Parameter(fields.PRIORITY, "From -100 to 100.", Kind.INTEGER, least=-100),
            Parameter(fields.DEADLINE, "In seconds since 1970, 0 for none.", Kind.INTEGER),
        ),
        picked=_OUTCOMES,
    ),
    Operation(
        "resubmit_jobs",
        "POST",
        "/jobs/resubmit",
        Route(submit.interface_resubmit_jobs, InterfaceContext),
        "Queue a job like each of these, which have ended, with its files.",
        "OutcomeList",
        body=(IDS,),
        picked=_OUTCOMES,
        status=HTTPStatus.CREATED,
        idempotent_key=True,
    ),
    Operation(
        "confirm_results",
        "POST",
        "/jobs/fetched",
        Route(fetched_results.interface_confirm_results, InterfaceContext),
        "Say that you have fetched all results of jobs.",
        "OutcomeList",
        body=(IDS,),
        picked=_OUTCOMES,
    ),
)
