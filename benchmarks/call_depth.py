"""How many modules and functions of ours one call executes, and how often it enters the dispatcher.

Runs in this process, on a project with SQLite. The counts do not vary: a test compares them with limits.
"""

import io
import re
import sys
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any
from urllib.parse import urlencode

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from lgi_server.app import create_app
from lgi_server.services.project import registration
from lgi_server.services.project.registration import NewResource
from lgi_tools.certificates.ca import Issued
from tests.support.grid import CAPABILITIES, PROJECT, Grid

ROOT = Path(__file__).parents[1]
OURS = tuple(f"{ROOT / name}/" for name in ("lgi_protocol", "lgi_server"))
SERVER = OURS[1]
DISPATCHER = str(ROOT / "lgi_server" / "api" / "dispatch.py")
USER, RESOURCE = "mark@laptop", "res1@cluster"


class _Socket:
    """A connection of a client that has presented its certificate."""

    def __init__(self, issued: Issued) -> None:
        certificate = x509.load_pem_x509_certificate(issued.certificate.read_bytes())
        self._der = certificate.public_bytes(Encoding.DER)

    def getpeercert(self, binary_form: bool) -> bytes:
        """Return the certificate as DER."""
        return self._der


@dataclass
class Depth:
    """The code that one call executed: modules of the server, our functions, entries of the dispatcher."""

    call: str
    modules: set[str] = field(default_factory=set)
    functions: int = 0
    dispatched: int = 0

    def line(self) -> str:
        """Return a row of the table."""
        return f"{self.call:32} {len(self.modules):8} {self.functions:10} {self.dispatched:11}"


class _Profiler:
    """Counts the entries of our functions while it is installed.

    Comprehensions and the steps of generators count as functions, since they cost as much.
    """

    def __init__(self, depth: Depth) -> None:
        self._depth = depth

    def __call__(self, frame: FrameType, event: str, _argument: Any) -> None:
        code = frame.f_code
        if event != "call" or not code.co_filename.startswith(OURS):
            return
        self._depth.functions += 1
        if code.co_filename.startswith(SERVER):
            self._depth.modules.add(code.co_filename)
        if code.co_filename == DISPATCHER and not _comes_from(frame, DISPATCHER):
            self._depth.dispatched += 1


def _comes_from(frame: FrameType, filename: str) -> bool:
    """Return whether the nearest caller that is a function of ours is in a file."""
    below = frame.f_back
    while below is not None and not below.f_code.co_filename.startswith(OURS):
        below = below.f_back
    return below is not None and below.f_code.co_filename == filename


class InProcess:
    """A project whose server runs in this process, with one user and one resource."""

    def __init__(self, grid: Grid) -> None:
        """Create the application of an empty grid, and register user and resource; no port is opened."""
        self._grid = grid
        self._application = create_app(grid.config).wsgi_app
        grid.clear()
        self._sockets = {
            USER: _Socket(grid.people.user(USER, (USER,))),
            RESOURCE: _Socket(grid.people.resource(RESOURCE)),
        }
        certificate = grid.people.resource(RESOURCE).certificate.read_text()
        new = NewResource(RESOURCE, RESOURCE, certificate)
        grid.database.run(lambda transaction: registration.add_resource(transaction, new, "any"))
        self._known: dict[str, str] = {}

    def post(self, call: str, fields: Mapping[str, str]) -> str:
        """Return the answer to a call of the user or the resource; raise ValueError for an error."""
        caller = USER if call.startswith("interfaces/") else RESOURCE
        body = urlencode(fields).encode()
        environ = {
            "REQUEST_METHOD": "POST",
            "PATH_INFO": f"{self._grid.config.prefix}/{call}",
            "SERVER_NAME": "localhost",
            "SERVER_PORT": "443",
            "wsgi.url_scheme": "https",
            "wsgi.input": io.BytesIO(body),
            "CONTENT_TYPE": "application/x-www-form-urlencoded",
            "CONTENT_LENGTH": str(len(body)),
            "gunicorn.socket": self._sockets[caller],
        }
        answer = b"".join(self._application(environ, _started)).decode()
        if "<error>" in answer:
            raise ValueError(f"{call}: {answer}")
        return answer

    def steps(self) -> Iterator[tuple[str, Mapping[str, str]]]:
        """Yield the calls of a job's life and of its owner, in an order in which each succeeds."""
        user = {"project": PROJECT, "user": USER, "groups": USER}
        a_job = {"application": "hello_world", "target_resources": "any", "input": "78" * 100}
        yield "resources/resource_signup_resource", {"project": PROJECT, "capabilities": CAPABILITIES}
        yield "interfaces/interface_project_server_list", user
        yield "interfaces/interface_submit_job", user | a_job
        yield "interfaces/interface_job_state", user | {"limit": "10"}
        session = {"project": PROJECT, "session_id": self._known["session_id"]}
        yield "resources/resource_request_work", session | {"application": "hello_world", "limit": "1"}
        held = session | {"job_id": self._known["job_id"]}
        taken = {"state": "running", "target_resources": RESOURCE}
        yield "resources/resource_update_job", held | taken
        yield "resources/resource_request_job_details", held
        yield "resources/resource_job_state", {"project": PROJECT, "job_id": held["job_id"]}
        yield "resources/resource_unlock_job", held
        yield "resources/resource_lock_job", held
        yield "resources/resource_signoff_resource", session
        yield "interfaces/interface_delete_job", user | {"job_id": held["job_id"]}

    def remember(self, answer: str) -> None:
        """Store the session id and job id of an answer."""
        for name in ("session_id", "job_id"):
            if found := re.search(rf"<{name}> ([0-9]+) ", answer):
                self._known[name] = found[1]

    def life(self) -> None:
        """Make every call once without counting, to fill connections and caches."""
        for call, fields in self.steps():
            self.remember(self.post(call, fields))

    def depths(self) -> list[Depth]:
        """Make every call and return its depth."""
        counted = []
        for call, fields in self.steps():
            depth = Depth(call.partition("/")[2])
            with _counting(depth):
                answer = self.post(call, fields)
            self.remember(answer)
            counted.append(depth)
        return counted


def _started(_status: str, _headers: Iterable[tuple[str, str]], *_rest: object) -> None:
    """Ignore status and headers: the start_response of WSGI."""


@contextmanager
def _counting(depth: Depth) -> Iterator[None]:
    profiler = _Profiler(depth)
    kept = threading.getprofile()
    sys.setprofile(profiler)
    try:
        yield
    finally:
        sys.setprofile(kept)


def measure() -> list[Depth]:
    """Return the depth of each call, measured after a first round."""
    grid = Grid("sqlite:LGI.sqlite")
    try:
        project = InProcess(grid)
        project.life()
        return project.depths()
    finally:
        grid.remove()


def main() -> None:
    """Print the table."""
    print(f"{'call':32} {'modules':>8} {'functions':>10} {'dispatched':>11}")
    for depth in measure():
        print(depth.line())


if __name__ == "__main__":
    main()
