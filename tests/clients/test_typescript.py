"""A client that is generated from the OpenAPI document, in TypeScript. `make test-clients` runs it."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.conftest import lacking
from tests.server.test_tokens import new_token
from tests.support.grid import Grid

HERE = Path(__file__).parent / "typescript"
OPENAPI = Path(__file__).parents[2] / "docs" / "openapi.json"


def run(*words: str, **variables: str) -> str:
    """Standard output of a program that must succeed."""
    done = subprocess.run(
        words, capture_output=True, text=True, timeout=280, check=False, env={**os.environ, **variables}
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.one_database
def test_a_generated_client_submits_reads_and_deletes_a_job(
    grid: Grid, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its types, generated from the document, fit a program; the program runs against a server."""
    if not shutil.which("npm"):
        lacking("npm")
    shutil.copytree(HERE, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    grid.resource()
    run("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund")
    run("npx", "openapi-typescript", str(OPENAPI), "-o", "schema.d.ts")
    run("npx", "tsc")

    answer = json.loads(
        run(
            "node",
            "client.js",
            NODE_EXTRA_CA_CERTS=str(grid.people.authority.ca_file),
            LGI_DEFAULTSERVER=grid.url,
            LGI_TOKEN=new_token(grid.user(), scope="submit"),
        )
    )

    assert answer == {
        "project": grid.project,
        "input": "größe",
        "labels": ["kind=md"],
        "listed": [answer["job"]],
        "job": answer["job"],
        "removed": 200,
        "refusal": 15,
        "status": 404,
    }
    assert grid.rows("SELECT job_id FROM job_queue") == []
