"""The OpenAPI 3.1 document of the JSON view, made from the declarations of its operations."""

from collections.abc import Sequence
from typing import Any

from lgi_protocol import API_VERSION
from lgi_server.json_api.endpoint import COMMON, KEY_HEADER
from lgi_server.json_api.operation import Operation
from lgi_server.json_api.parameter import Parameter, Schema
from lgi_server.json_api.problem import CONTENT_TYPE as PROBLEM
from lgi_server.json_api.schemas import SCHEMAS

_JSON = "application/json"
_PROBLEM = {
    "description": "The request is refused; lgi_error is LGI's number.",
    "content": {PROBLEM: {"schema": {"$ref": "#/components/schemas/Problem"}}},
}


def document(operations: Sequence[Operation], prefix: str) -> Schema:
    """Return the document of operations at the addresses below ``prefix``."""
    paths: dict[str, dict[str, Any]] = {}
    for one in operations:
        paths.setdefault(one.path, {})[one.method.lower()] = _operation(one)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "LGI",
            "version": API_VERSION,
            "description": "Jobs of a project: the calls of users in JSON.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": f"{prefix}/api/v1"}],
        "security": [{"token": []}, {"certificate": []}],
        "paths": paths,
        "components": {
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer", "description": "A token of LGI_token."},
                "certificate": {"type": "mutualTLS", "description": "The certificate of a user."},
            },
            "schemas": dict(SCHEMAS),
        },
    }


def _operation(one: Operation) -> Schema:
    parameters = [_place(place) for place in one.path_parameters]
    parameters += [_query(query) for query in (*one.query, *COMMON)]
    if one.idempotent_key:
        parameters.append(
            {
                "name": KEY_HEADER,
                "in": "header",
                "description": "The same for each attempt: they make one job.",
                "schema": {"type": "string", "pattern": "^[A-Za-z0-9_.:-]{1,50}$"},
            }
        )
    answer = {"schema": {"$ref": f"#/components/schemas/{one.answer}"}}
    found: Schema = {
        "operationId": one.name,
        "summary": one.about,
        "parameters": parameters,
        "responses": {
            str(one.status.value): {"description": one.status.phrase, "content": {_JSON: answer}},
            **(
                {"304": {"description": "It is as the ETag in If-None-Match."}} if one.method == "GET" else {}
            ),
            "default": _PROBLEM,
        },
    }
    if scopes := one.route.scopes:
        found["description"] = f"A token needs the scope {' or '.join(scopes)}."
    else:
        found |= {"description": "Tokens are not accepted.", "security": [{"certificate": []}]}
    if one.has_body:
        schema = dict(one.body_schema) or object_schema(one.body)
        found["requestBody"] = {"required": True, "content": {_JSON: {"schema": schema}}}
    return found


def object_schema(properties: Sequence[Parameter]) -> Schema:
    """Return the schema of an object with these properties and no others."""
    return {
        "type": "object",
        "properties": {one.key: one.schema() for one in properties},
        "required": [one.key for one in properties if one.required],
        "additionalProperties": False,
    }


def _place(one: Parameter) -> Schema:
    schema = {"type": "integer", "minimum": 0, "maximum": 999_999_999}
    return {"name": one.key, "in": "path", "required": True, "schema": schema, "description": one.about}


def _query(one: Parameter) -> Schema:
    schema = one.schema()
    schema.pop("description")
    if schema["type"] == "array":
        # Written as one text, with commas.
        schema = {"type": "string"}
    return {"name": one.key, "in": "query", "schema": schema, "description": one.about}
