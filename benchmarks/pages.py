"""``python -m benchmarks.pages``: pages of the web interface beside a million jobs. See README.md here."""

import argparse
import io
import statistics
import sys
import time
from collections.abc import Iterable, Mapping
from contextlib import ExitStack

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from benchmarks import million_jobs
from benchmarks.testbed import database_of
from lgi_server.app import create_app
from lgi_tools.certificates.ca import Issued
from tests.support.grid import PROJECT, Grid

# Milliseconds that a page may take; how often each is asked for.
MOST_MS, CALLS = 100, 5
# MariaDB's buffer pool in MB.
BUFFERS = 1024
ADMINISTRATOR, USER = "boss@campus", "user7@campus"
# The pages of an administrator, who may read all jobs, and of a user with a thousandth of them.
ALL = "jobs?whose=all"
PAGES: Mapping[str, tuple[str, ...]] = {
    ADMINISTRATOR: (
        "",
        ALL,
        *(f"{ALL}&{rest}" for rest in ("sort=name", "sort=-run_time", "sort=owners", "sort=submitted")),
        *(f"{ALL}&{rest}" for rest in ("state=queued", "state=running", "ended=failed", "since=1h")),
        *(f"{ALL}&{rest}" for rest in ("resource=rare", "resource=res3", "resource=old", "resource=none")),
        *(f"{ALL}&{rest}" for rest in ("application=other", "owner=user7@campus", "owner=former@campus")),
        *(f"{ALL}&{rest}" for rest in ("labels=kind%3Dmd", "labels=T%3D1", "q=nothing", "q=12345")),
        f"{ALL}&resource=rare&sort=name",
        f"{ALL}&ended=failed&sort=-changed",
        "jobs/12345",
        "resources",
        "usage",
        "administration",
        "administration/health",
    ),
    USER: ("", "jobs", "jobs?sort=name", "jobs?state=queued", "jobs?ended=failed", "jobs?q=nothing", "usage"),
}


class _Socket:
    """A connection of a browser that has presented its certificate."""

    def __init__(self, issued: Issued) -> None:
        certificate = x509.load_pem_x509_certificate(issued.certificate.read_bytes())
        self._der = certificate.public_bytes(Encoding.DER)

    def getpeercert(self, binary_form: bool) -> bytes:
        """Return the certificate as DER."""
        return self._der


class Browser:
    """A user whose requests are answered in this process."""

    def __init__(self, grid: Grid, application: object, name: str, groups: tuple[str, ...]) -> None:
        """Issue a certificate."""
        self._socket = _Socket(grid.people.user(name, groups))
        self._application, self._prefix = application, grid.config.prefix

    def get(self, page: str) -> float:
        """Return the milliseconds of one request; raise ValueError unless the status is 200."""
        path, _, query = page.partition("?")
        status = list[str]()
        environ = {
            "REQUEST_METHOD": "GET",
            "PATH_INFO": f"{self._prefix}/basic_interface/{PROJECT}/{path}",
            "QUERY_STRING": query,
            "SERVER_NAME": "localhost",
            "SERVER_PORT": "443",
            "HTTP_HOST": "localhost",
            "HTTP_ACCEPT": "text/html",
            "wsgi.url_scheme": "https",
            "wsgi.input": io.BytesIO(),
            "gunicorn.socket": self._socket,
        }

        def started(line: str, _headers: Iterable[tuple[str, str]], *_rest: object) -> None:
            status.append(line)

        begin = time.monotonic()
        body = b"".join(self._application(environ, started))  # type: ignore[operator]
        spent = (time.monotonic() - begin) * 1000
        if not status[0].startswith("200"):
            raise ValueError(f"{page}: {status[0]}: {body[-500:]!r}")
        return spent


def main() -> int:
    """Make the database and print a row for each page. Returns 1 when a page takes too long."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.pages", description=__doc__)
    parser.add_argument("--jobs", type=int, default=1_000_000)
    parser.add_argument("--database", choices=("mariadb", "sqlite"), default="sqlite")
    asked = parser.parse_args()
    with ExitStack() as stack:
        address, _process = stack.enter_context(database_of(asked.database, BUFFERS))
        grid = Grid(address)
        stack.callback(grid.remove)
        grid.clear()
        begin = time.monotonic()
        million_jobs.fill(grid.database, asked.jobs, is_sqlite=asked.database == "sqlite")
        print(f"{asked.jobs} jobs were made in {time.monotonic() - begin:.0f} s, {asked.database}")
        application = create_app(grid.config).wsgi_app
        slow = 0
        for name, pages in PAGES.items():
            groups = (grid.config.admin_group,) if name == ADMINISTRATOR else (name,)
            browser = Browser(grid, application, name, groups)
            slow += sum(_is_slow(browser, name, page) for page in pages)
    return int(slow > 0)


def _is_slow(browser: Browser, name: str, page: str) -> bool:
    """Print the median and the processor time of a page; return whether it takes too long."""
    first = browser.get(page)
    used = time.process_time()
    times = [browser.get(page) for _ in range(CALLS)]
    used = (time.process_time() - used) * 1000 / CALLS
    median = statistics.median(times)
    times_text = f"first {first:8.1f}  median {median:8.1f}  processor {used:7.1f} ms"
    print(f"{name.partition('@')[0]:5} /{page:42} {times_text}", flush=True)
    return median > MOST_MS


if __name__ == "__main__":
    sys.exit(main())
