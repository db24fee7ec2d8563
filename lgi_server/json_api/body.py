"""Bodies in JSON, which are bounded in size and depth, and say each thing once."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from gunicorn.http.errors import ParseException
from werkzeug import Request
from werkzeug.exceptions import ClientDisconnected, RequestEntityTooLarge

from lgi_protocol.errors import ErrorNumber, LGIError
from lgi_server.api.form_parser import why_it_ended

MOST_DEPTH = 16


def read(request: Request, most: int) -> dict[str, Any]:
    """Return the object in the body of a request, an empty one for no body.

    Raises LGIError UPLOAD for a body that is no JSON object, POST_TOO_BIG for more than ``most`` bytes.
    """
    body = _received(request, most)
    if not body:
        return {}
    if request.mimetype != "application/json":
        raise malformed("its Content-Type is not application/json")
    found = parse(body)
    if not isinstance(found, dict):
        raise malformed("it is not an object")
    return found


def parse(body: bytes) -> Any:
    """Return what JSON says; LGIError UPLOAD.

    Refused are names that occur twice in an object, NaN and Infinity, more than MOST_DEPTH levels, and halves
    of characters.
    """
    try:
        found = json.loads(body.decode("utf-8"), object_pairs_hook=_object, parse_constant=_constant)
        _check(found)
    except (ValueError, RecursionError) as error:
        why = "it is nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise malformed(f"it is not acceptable JSON: {why}") from None
    return found


def malformed(why: str) -> LGIError:
    """Return the error of a body that cannot be read."""
    return LGIError(ErrorNumber.UPLOAD, why, message="The body of the request cannot be read")


def _received(request: Request, most: int) -> bytes:
    try:
        body = request.stream.read(most + 1)
    except RequestEntityTooLarge:
        raise LGIError(ErrorNumber.POST_TOO_BIG, f"at most {most} bytes are allowed") from None
    except (OSError, ClientDisconnected) as error:
        raise malformed(why_it_ended(error)) from None
    except ParseException:
        raise malformed("the request is damaged") from None
    if len(body) > most:
        raise LGIError(ErrorNumber.POST_TOO_BIG, f"at most {most} bytes are allowed")
    if request.content_length not in {None, len(body)}:
        raise malformed(f"{len(body)} of {request.content_length} bytes came")
    return body


def _object(pairs: Sequence[tuple[str, Any]]) -> Mapping[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        # Not by list.count, which would take minutes for a hundred thousand names.
        ((twice, _times),) = Counter(name for name, _value in pairs).most_common(1)
        raise ValueError(f"{twice[:40]!r} occurs twice")
    return found


def _constant(text: str) -> Any:
    raise ValueError(f"{text} is not a number")


def _check(found: Any) -> None:
    """Raise ValueError for more than MOST_DEPTH levels, and for text that is not Unicode."""
    level, depth = [found], 0
    while level:
        depth += 1
        if depth > MOST_DEPTH:
            raise ValueError(f"it has more than {MOST_DEPTH} levels")
        below: list[Any] = []
        for one in level:
            if isinstance(one, dict):
                below += [*one, *one.values()]
            elif isinstance(one, list):
                below += one
            elif isinstance(one, str):
                # UnicodeEncodeError is a ValueError.
                one.encode()
        level = below
