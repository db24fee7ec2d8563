"""Users with a browser: each has its own home, with or without a certificate."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import BrowserContext, Page, expect, sync_playwright

from tests.browser import chromium
from tests.support.grid import PROJECT, Grid

PASSWORD = "of the file"
# On a busy machine all may take its time.
PATIENCE = 60_000


class Visitors:
    """Browsers for a grid, each started at its first use, and all closed together."""

    def __init__(self, grid: Grid, playwright: Any) -> None:
        self.grid = grid
        self.base = f"{grid.url}/basic_interface/{PROJECT}"
        self._playwright = playwright
        self._open: dict[str, BrowserContext] = {}
        self._homes: list[Path] = []
        self.faults: list[str] = []

    def context(self, name: str, groups: tuple[str, ...] = (), **settings: Any) -> BrowserContext:
        """The browser of a user; for an empty name one without certificate."""
        if name not in self._open:
            home = self._home(name, groups)
            self._open[name] = self._playwright.chromium.launch_persistent_context(
                str(home / "profile"),
                executable_path=shutil.which("chromium"),
                args=list(chromium.QUIET),
                env={"HOME": str(home)},
                timeout=60_000,
                locale="en-GB",
                **settings,
            )
            self._open[name].set_default_timeout(PATIENCE)
            self._open[name].on("console", self._note)
        return self._open[name]

    def page(self, name: str = "mark@laptop", groups: tuple[str, ...] = ("theor", "cyttron")) -> Page:
        """A new tab of a user's browser."""
        page = self.context(name, groups).new_page()
        page.bring_to_front()
        return page

    def tidy_up(self) -> None:
        """Close all tabs but the first of each browser."""
        for context in self._open.values():
            for page in context.pages[1:]:
                page.close()

    def _home(self, name: str, groups: tuple[str, ...]) -> Path:
        authority = self.grid.people.authority
        pkcs12 = None
        if name:
            pkcs12 = authority.issue_user(name, groups, password=PASSWORD, force=True).pkcs12
        self._homes.append(chromium.make_home(authority.ca_file, pkcs12, PASSWORD))
        return self._homes[-1]

    def _note(self, message: Any) -> None:
        """Record errors on the console, as violations of the page's own policy."""
        if message.type == "error" and "the server responded with a status of" not in message.text:
            self.faults.append(message.text)

    def leave(self) -> None:
        """Close all browsers."""
        for context in self._open.values():
            context.close()
        for home in self._homes:
            shutil.rmtree(home, ignore_errors=True)


@contextmanager
def visiting(grid: Grid) -> Iterator[Visitors]:
    """Browsers for a grid."""
    expect.set_options(timeout=PATIENCE)
    with chromium.chosen_certificate(), sync_playwright() as playwright:
        visitors = Visitors(grid, playwright)
        try:
            yield visitors
        finally:
            visitors.leave()
