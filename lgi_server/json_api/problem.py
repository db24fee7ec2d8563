"""Errors as application/problem+json (RFC 9457), with LGI's number."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from lgi_protocol.errors import ErrorNumber, LGIError
from lgi_server.auth.api_token import ScopeError

CONTENT_TYPE = "application/problem+json"
_E = ErrorNumber
_STATUS: Mapping[ErrorNumber, HTTPStatus] = {
    _E.CERTIFICATE: HTTPStatus.UNAUTHORIZED,
    **dict.fromkeys((_E.NO_JOB, _E.PROJECT_UNKNOWN), HTTPStatus.NOT_FOUND),
    **dict.fromkeys(
        (
            *(_E.READ_REFUSED, _E.MODIFY_REFUSED, _E.PROJECT_REFUSED, _E.GROUPS_REFUSED, _E.USER_DIFFERS),
            *(_E.OWNERS_REFUSED, _E.SUBMIT_REFUSED, _E.BROWSER_SESSION, _E.FORGERY),
        ),
        HTTPStatus.FORBIDDEN,
    ),
    **dict.fromkeys((_E.FILE_TOO_BIG, _E.POST_TOO_BIG), HTTPStatus.REQUEST_ENTITY_TOO_LARGE),
    **dict.fromkeys((_E.BACK_OFF, _E.DATABASE, _E.MASTER), HTTPStatus.SERVICE_UNAVAILABLE),
}


def status_of(refused: LGIError) -> HTTPStatus:
    """Return the HTTP status of an error; BAD_REQUEST for all that is about the request itself."""
    if isinstance(refused, ScopeError):
        return HTTPStatus.FORBIDDEN
    return _STATUS.get(refused.number, HTTPStatus.BAD_REQUEST)


def body_of(refused: LGIError, status: HTTPStatus) -> dict[str, Any]:
    """Return the problem document of an error; ``lgi_error`` is LGI's number."""
    found = of_status(status, refused.message)
    found |= {"title": refused.number.message, "type": f"urn:lgi:error:{int(refused.number)}"}
    found["lgi_error"] = int(refused.number)
    if refused.number == ErrorNumber.BACK_OFF:
        found["retry_after"] = refused.timeout
    return found


def of_status(status: HTTPStatus, detail: str) -> dict[str, Any]:
    """Return the problem document of an HTTP status that is none of LGI's errors."""
    return {"type": "about:blank", "title": status.phrase, "status": status.value, "detail": detail}


def headers_of(refused: LGIError, status: HTTPStatus) -> dict[str, str]:
    """Return the headers that belong to an error."""
    if status == HTTPStatus.UNAUTHORIZED:
        return {"WWW-Authenticate": 'Bearer realm="LGI"'}
    if refused.number == ErrorNumber.BACK_OFF:
        return {"Retry-After": str(refused.timeout)}
    return {}
