"""Every call is an endpoint of Flask, under its name and with ``.php``, and is reached in one way."""

import io
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path

import pytest
from flask import Flask

from lgi_server.api.registry import AnyRoute
from lgi_server.app import CALLS, create_app
from tests.support.grid import Grid

WIRE = Path(__file__).parents[2] / "docs" / "wire.md"
ROUTES: list[AnyRoute] = [route for found in CALLS.values() for route in found]
CHANGING = {
    *("interface_submit_job", "interface_submit_jobs", "interface_delete_job", "interface_resubmit_jobs"),
    "interface_delete_jobs",
    *("interface_prioritize_jobs", "interface_hold_jobs", "interface_release_jobs", "interface_share_jobs"),
    *("interface_confirm_results", "interface_create_token", "interface_revoke_tokens"),
    *("interface_attach_job", "interface_attach_stream", "resource_attach_stream"),
    *("resource_signup_resource", "resource_signoff_resource", "resource_request_work"),
    *("resource_lock_job", "resource_unlock_job", "resource_update_job", "resource_submit_job"),
    *("resource_job_tail", "resource_exchange", "server_run_update"),
}


@pytest.fixture(scope="module")
def installed() -> Iterator[Grid]:
    """The application of a project server that is not started."""
    grid = Grid()
    yield grid
    grid.remove()


def routes(grid: Grid) -> list[list[str]]:
    """What ``flask routes`` prints: endpoint, methods and address."""
    command = [Path(sys.executable).parent / "flask", "--app"]
    factory = f'lgi_server.app:create_app("{grid.config_file}")'
    environment = {**os.environ, "FLASK_SKIP_DOTENV": "1"}
    printed = subprocess.run(
        [*command, factory, "routes"], capture_output=True, check=True, text=True, env=environment
    )
    return [line.split() for line in printed.stdout.splitlines()]


def test_flask_lists_every_call_with_both_of_its_addresses(installed: Grid) -> None:
    """Also repository_content, which is one by its name."""
    calls = [f"{folder}/{route.name}" for folder, found in CALLS.items() for route in found]

    listed = routes(installed)

    addresses = [line[-1] for line in listed]
    for call in (*calls, "repository/repository_content"):
        assert addresses.count(f"/LGI/{call}") == addresses.count(f"/LGI/{call}.php") == 1
    assert all(
        [f"{folder}.{route.name}", "GET,", "POST", f"/LGI/{folder}/{route.name}"] in listed
        for folder, found in CALLS.items()
        for route in found
    )


def test_a_call_is_named_as_its_function_and_lies_in_the_folder_of_its_address() -> None:
    """So the address of a call leads to its file."""
    for folder, found in CALLS.items():
        for route in found:
            assert route.view.__module__.startswith(f"lgi_server.{folder}.")
            assert route.view.__name__ == route.name


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.name)
def test_a_call_is_described_in_the_reference(route: AnyRoute) -> None:
    """By its name in docs/wire.md, with its fields, error numbers and tags."""
    described = re.findall(r"\w+", WIRE.read_text("utf-8"))

    assert route.name in described, "a new call: describe it in docs/wire.md"


def test_a_call_that_changes_nothing_does_not_wait_for_writers() -> None:
    """Its route has ``writes=False``, which a narrow test does not notice; all others are listed here."""
    writing = {route.name for route in ROUTES if route.writes}

    assert writing == CHANGING, "a call that changes nothing has writes=False; any other is listed here"


@pytest.mark.parametrize(
    "path", ["resource_wait", "resource_wait.php", "../resources//resource_wait", "./resource_wait"]
)
def test_the_shortcut_and_flask_itself_give_the_same_answer(installed: Grid, path: str) -> None:
    """The shortcut only takes less time. Without a certificate both answer error 2."""
    app = create_app(installed.config)

    def body(application: Callable[..., Iterable[bytes]], address: str) -> bytes:
        environ = {
            "REQUEST_METHOD": "POST",
            "PATH_INFO": address,
            "SERVER_NAME": "localhost",
            "SERVER_PORT": "443",
            "wsgi.url_scheme": "https",
            "wsgi.input": io.BytesIO(b""),
        }
        return b"".join(application(environ, lambda *_: None))

    direct = body(app.wsgi_app, f"/LGI/resources/{path}")
    by_flask = body(partial(Flask.wsgi_app, app), "/LGI/resources/resource_wait")

    assert b"<number> 2 </number>" in direct
    assert direct == by_flask
