"""The web interface as a browser without JavaScript sees it: pages, links, forms, cookies."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import requests
from lxml import html

from tests.support.grid import PROJECT, Grid

# What a browser says of a form it sends from a page of ours.
FROM_OURS = {"Sec-Fetch-Site": "same-origin", "Accept": "text/html"}
Files = Sequence[tuple[str, tuple[str, bytes]]]


@dataclass(frozen=True)
class Page:
    """An answer, and what can be read of it."""

    answer: requests.Response

    @property
    def status(self) -> int:
        """The HTTP status."""
        return self.answer.status_code

    @property
    def tree(self) -> Any:
        """The page as elements."""
        return html.fromstring(self.answer.content.decode())

    @property
    def text(self) -> str:
        """What a person reads in the page's main part, blanks as one."""
        main = self.tree.find(".//main")
        return " ".join((self.tree if main is None else main).text_content().split())

    @property
    def path(self) -> str:
        """The address below the project's pages."""
        return self.answer.url.partition(f"/basic_interface/{PROJECT}/")[2]

    def links(self) -> list[str]:
        """Where the links of the main part lead."""
        return [str(link) for link in self.tree.xpath("//main//a/@href")]

    def rows(self, part: str = "") -> list[dict[str, str]]:
        """The rows of the first table, or that in the element with this id, by the names of its columns."""
        within = f"//*[@id='{part}']" if part else ""
        return [
            {cell.get("data-label", ""): " ".join(cell.text_content().split()) for cell in row}
            for row in self.tree.xpath(f"({within}//table)[1]/tbody/tr")
        ]

    def fields(self, action: str = "") -> dict[str, str]:
        """What the form with this in its action sends as it is; of boxes, only one a name."""
        (form,) = [one for one in self.tree.forms if one.method == "POST" and action in one.action]
        return {name: value for name, value in form.form_values() if value is not None}


class Browser:
    """The browser of a user, with a certificate and its cookies."""

    def __init__(self, grid: Grid, name: str = "mark@laptop", groups: Sequence[str] = ("theor", "cyttron")):
        self.grid = grid
        self.base = f"{grid.url}/basic_interface/{PROJECT}"
        self.session = grid.client(grid.people.user(name, tuple(groups))).session

    def get(self, path: str = "", follow: bool = True, **headers: str) -> Page:
        """A page of the project, by its address below the project's, or any other by its whole one."""
        address = path if path.startswith("https:") else f"{self.base}/{path}"
        sent = {"Accept": "text/html", **{name.replace("_", "-"): value for name, value in headers.items()}}
        return Page(self.session.get(address, headers=sent, allow_redirects=follow, timeout=100))

    def send(
        self,
        path: str,
        fields: Mapping[str, object] | None = None,
        files: Files = (),
        headers: Mapping[str, str] = FROM_OURS,
        follow: bool = True,
    ) -> Page:
        """Post fields as they are."""
        address = path if path.startswith("https:") else f"{self.base}/{path}"
        answer = self.session.post(
            address,
            data=dict(fields or {}),
            files=list(files) or None,
            headers=dict(headers),
            allow_redirects=follow,
            timeout=100,
        )
        return Page(answer)

    def fill(self, form: str, action: str = "", files: Files = (), **fields: object) -> Page:
        """Open the page ``form``, fill in its form, and send it to where it goes."""
        page = self.get(form)
        filled = {**page.fields(action), **fields}
        (one,) = [one for one in page.tree.forms if one.method == "POST" and action in one.action]
        return self.send(f"https://localhost:{self.grid.port}{one.action}", filled, files)


def register(grid: Grid, name: str, last_call_time: int, capabilities: str = "", role: int = 0) -> None:
    """A resource, or a server in another role, that has last called then: noting calls takes a second."""
    url = f"https://{name.partition('@')[2]}/LGI"
    grid.run(
        "INSERT INTO active_resources (resource_name, resource_capabilities, client_certificate, url,"
        " last_call_time, project_server) VALUES (%s, %s, %s, %s, %s, %s)",
        *(name, capabilities, grid.people.resource(name).certificate.read_text(), url, last_call_time, role),
    )
