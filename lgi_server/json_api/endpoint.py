"""An operation as a view function of Flask: the steps of a call, with JSON before and behind them."""

import hashlib
import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import quote

import flask

from lgi_protocol import comma_lists
from lgi_protocol.errors import ErrorNumber, LGIError
from lgi_server.api import fields
from lgi_server.api.call_record import Caller
from lgi_server.api.dispatch import Endpoint
from lgi_server.api.faults import INTERNAL_ERROR
from lgi_server.api.form_parser import FormRequest
from lgi_server.auth import api_token
from lgi_server.auth.api_token import TokenIdentity
from lgi_server.auth.client_certificate import ClientCertificate
from lgi_server.json_api import body, problem, values
from lgi_server.json_api.operation import Operation
from lgi_server.json_api.parameter import Parameter
from lgi_server.runtime import Runtime

if TYPE_CHECKING:
    from lgi_server.api.uploads import PageRequest

CONTENT_TYPE = "application/json"
CHANGING = frozenset({"POST", "PUT", "PATCH", "DELETE"})
# What every query may have.
COMMON = (
    Parameter(fields.PROJECT, "The project; by default that of the token, or the first one of the server."),
    Parameter(fields.CHOSEN_GROUPS, "Groups, comma-separated; by default those of the certificate."),
)
KEY_HEADER = "Idempotency-Key"


class JsonEndpoint(Endpoint):
    """The endpoint of an operation."""

    def __init__(self, runtime: Runtime, operation: Operation) -> None:
        """Create the endpoint."""
        super().__init__(runtime, operation.route)
        self._operation = operation
        self._query = {one.key: one for one in (*operation.query, *COMMON)}
        self._body = {one.key: one for one in operation.body}
        self._admin_group = runtime.config.admin_group

    def __call__(self, **_place: Any) -> flask.Response:
        """Return the answer to the current request of Flask."""
        request = cast("PageRequest", flask.request)
        request.changing_methods = CHANGING
        try:
            api_token.check_url(request.environ)
        except LGIError as refused:
            return refusal(refused)
        elements, error = self.outcome(request)
        if error is not None:
            return refusal(error)
        return self._answer(values.to_json(elements))

    def redirect(self, *, file: str, **_place: Any) -> flask.Response:
        """Return where a file of a job is, as a redirection that keeps method and body; or the error."""
        listed = self()
        if listed.status_code != HTTPStatus.OK:
            return listed
        url = listed.get_json().get("repository_url")
        if not url:
            return refusal(LGIError(ErrorNumber.NO_JOB, message="This job has no files"))
        made = respond({"url": f"{url}/{quote(file, safe='')}"}, HTTPStatus.TEMPORARY_REDIRECT)
        made.headers["Location"] = f"{url}/{quote(file, safe='')}"
        return made

    def _answer(self, answer: values.Json) -> flask.Response:
        operation = self._operation
        made = respond(operation.result(answer), operation.status)
        made.headers["Cache-Control"] = "no-store"
        if operation.method == "GET":
            made.set_etag(hashlib.sha256(made.get_data()).hexdigest()[:32])
            made.headers["Cache-Control"] = "private, no-cache"
            made.make_conditional(flask.request.environ)
        return made

    def read_fields(self, request: FormRequest, who: Caller) -> Mapping[str, str]:
        """Return the fields of a request in JSON; LGIError of the field, UPLOAD or POST_TOO_BIG."""
        given = {**self._operation.fixed, **self._of_query(request)}
        for place in self._operation.path_parameters:
            given[place.field.name] = str((flask.request.view_args or {})[place.key])
        given |= self._of_body(request)
        given[fields.USER.name] = who.caller
        if isinstance(who, ClientCertificate):
            given.setdefault(fields.GROUPS.name, comma_lists.join(self._groups(who)))
        if isinstance(who, TokenIdentity) and who.name.projects:
            given.setdefault(fields.PROJECT.name, who.name.projects[0])
        return given

    def _groups(self, who: ClientCertificate) -> tuple[str, ...]:
        """Return the groups that count when none are given; a new job does not belong to administrators."""
        found = who.name.certified_groups()
        if self._operation.status is not HTTPStatus.CREATED:
            return found
        return tuple(group for group in found if group != self._admin_group)

    def _of_query(self, request: FormRequest) -> Mapping[str, str]:
        found = {}
        for name, texts in request.args.lists():
            if name not in self._query:
                known = ", ".join(sorted(self._query))
                raise body.malformed(f"there is no parameter {name[:40]!r}; known are {known}")
            if len(texts) > 1:
                raise body.malformed(f"the parameter {name[:40]!r} occurs twice")
            found[self._query[name].field.name] = self._query[name].from_query(texts[0])
        return found

    def _of_body(self, request: FormRequest) -> Mapping[str, str]:
        operation = self._operation
        if not operation.has_body:
            return {}
        request.max_content_length = self._route.most_text
        posted = body.read(request, self._route.most_text)
        key = request.headers.get(KEY_HEADER, "") if operation.idempotent_key else ""
        if operation.read is not None:
            return operation.read(posted, key)
        found = object_fields(posted, self._body)
        return found | ({fields.REQUEST_ID.name: key} if key else {})


def object_fields(posted: Mapping[str, Any], known: Mapping[str, Parameter]) -> dict[str, str]:
    """Return the fields of an object in a body; LGIError UPLOAD for an unknown or missing property."""
    for name in posted:
        if name not in known:
            names = ", ".join(sorted(known))
            raise body.malformed(f"there is no property {name[:40]!r}; known are {names}")
    for one in known.values():
        if one.required and one.key not in posted:
            raise body.malformed(f"{one.key} is missing")
    return {known[name].field.name: known[name].from_json(value) for name, value in posted.items()}


def respond(found: values.Json, status: int = HTTPStatus.OK, kind: str = CONTENT_TYPE) -> flask.Response:
    """Return a response with a JSON document."""
    text = json.dumps(found, ensure_ascii=False, separators=(",", ":"))
    return flask.Response(text + "\n", status, content_type=kind)


def refusal(refused: LGIError) -> flask.Response:
    """Return the response to a request that is refused."""
    is_fault = refused is INTERNAL_ERROR
    status = HTTPStatus.INTERNAL_SERVER_ERROR if is_fault else problem.status_of(refused)
    made = respond(problem.body_of(refused, status), status, problem.CONTENT_TYPE)
    made.headers.update(problem.headers_of(refused, status))
    return made
