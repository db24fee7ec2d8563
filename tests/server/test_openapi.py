"""The OpenAPI document holds: answers are as it says, also to odd and wrong values (schemathesis)."""

from functools import cache
from itertools import count
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from lgi_server.json_api.blueprint import OPERATIONS
from lgi_server.json_api.openapi import document
from tests.support.grid import Grid

schemathesis = pytest.importorskip("schemathesis")
checks = schemathesis.checks
pytestmark = pytest.mark.one_database

# Two examples, the same ones each time: the first is small and fits, the second is any.
BOUNDED = settings(
    max_examples=2,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)
CHECKS = [
    checks.not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_schema_conformance,
]


@cache
def operations() -> dict[str, Any]:
    """The operations of the document, by their names."""
    schema = schemathesis.openapi.from_dict(document(OPERATIONS, "/LGI"))
    found = [result.ok() for result in schema.get_all_operations()]
    return {one.definition.raw["operationId"]: one for one in found}


@pytest.mark.parametrize("mode", list(schemathesis.GenerationMode), ids=lambda mode: mode.value)
@pytest.mark.parametrize("name", [one.name for one in OPERATIONS])
def test_an_operation_answers_as_it_is_described(grid: Grid, name: str, mode: Any) -> None:
    """Status, type and schema of an answer, for a job that exists and for others; no fault of the server."""
    grid.resource()
    user = grid.user()
    job_id, session, turns = user.submit(), user.client.session, count()
    known, accepted = {"job_ids": [job_id], "application": "hello_world"}, []
    before = len(grid.log.read_text())

    @BOUNDED
    @given(case=operations()[name].as_strategy(generation_mode=mode))
    def answers(case: Any) -> None:
        is_apt = next(turns) % 2 == 0
        if is_apt and "job_id" in case.path_parameters:
            case.path_parameters["job_id"] = job_id
        if is_apt and isinstance(case.body, dict):
            case.body |= {name: value for name, value in known.items() if name in case.body}
        # Nothing would end the wait.
        case.query.pop("wait", None)
        answer = case.call(base_url=f"{grid.url}/api/v1", session=session, verify=session.verify, timeout=100)
        case.validate_response(answer, checks=CHECKS)
        accepted.append(answer.status_code < 400)

    answers()

    assert accepted
    assert "Traceback" not in grid.log.read_text()[before:]
