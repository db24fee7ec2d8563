"""Writes the OpenAPI document of the JSON view to docs/openapi.json."""

import json
from pathlib import Path

from lgi_server.json_api.blueprint import OPERATIONS
from lgi_server.json_api.openapi import document

FILE = Path(__file__).parents[1] / "docs" / "openapi.json"


def text() -> str:
    """Return the document as it is kept: for a server at /LGI."""
    return json.dumps(document(OPERATIONS, "/LGI"), indent=1, ensure_ascii=False, sort_keys=True) + "\n"


if __name__ == "__main__":
    FILE.write_text(text(), "utf-8")
