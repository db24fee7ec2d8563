"""The documents of LGI as public pages."""

import posixpath
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from markdown_it.token import Token

# By name in addresses: the file, and the title.
DOCUMENTS = {
    "user_guide": ("docs/user_guide.md", "User guide: jobs, files, folders"),
    "api": ("docs/api.md", "LGI from other programs: JSON and tokens"),
    "python": ("docs/python.md", "LGI from Python"),
    "engines": ("docs/engines/README.md", "Workflow engines"),
    "snakemake": ("docs/engines/snakemake.md", "Snakemake on LGI"),
    "nextflow": ("docs/engines/nextflow.md", "Nextflow on LGI"),
    "parsl": ("docs/engines/parsl.md", "Parsl on LGI"),
    "dask": ("docs/engines/dask.md", "Dask on LGI"),
    "psij": ("docs/engines/psij.md", "PSI/J on LGI"),
    "faq": ("docs/faq.md", "Frequently asked questions"),
    "troubleshooting": ("docs/troubleshooting.md", "Troubleshooting: what messages mean"),
    "setup": ("SETUP.md", "Quick start for an administrator"),
    "administrator_guide": ("docs/administrator_guide.md", "Administrator guide"),
    "resource_owner_guide": ("docs/resource_owner_guide.md", "Resource owner guide"),
    "application_writer_guide": ("docs/application_writer_guide.md", "Application writer guide"),
    "storage": ("docs/storage.md", "Object storage: the files of jobs in S3"),
    "security": ("docs/security.md", "Security: who is trusted, what a stolen key can do"),
    "vulnerabilities": ("SECURITY.md", "Report a vulnerability"),
    "faults": ("docs/faults.md", "Faults: what must hold, and what proves it"),
    "torture": ("docs/torture.md", "Torture: an hour of faults, and what it broke"),
    "disasters": ("docs/disasters.md", "Disasters: backup, restore, what to do"),
    "fair_share": ("docs/fair_share.md", "Fair share: the order of the queue"),
    "scaling": ("docs/scaling.md", "Capacity: what a server carries"),
    "architecture": ("docs/architecture.md", "Architecture"),
    "protocol": ("docs/protocol.md", "Protocol"),
    "wire": ("docs/wire.md", "Protocol: what servers answer"),
    "clients": ("docs/clients.md", "Protocol: what clients send"),
    "differences": ("docs/differences.md", "Protocol: differences from LGI 1.31"),
    "changes": ("CHANGELOG.md", "What changed"),
}
# Former addresses, which others may have noted.
FORMER = {"security_model": "security"}
_NAMES = {path: name for name, (path, _) in DOCUMENTS.items()}
# In a checkout, and where pip puts a package's data files.
_PLACES = (Path(__file__).parents[2], Path(sys.prefix) / "share" / "lgi" / "documents")


def render(name: str) -> str:
    """Return a document as HTML. Raises KeyError for an unknown name, FileNotFoundError if not installed."""
    # Late: most workers never show a document.
    from markdown_it import MarkdownIt

    path, _ = DOCUMENTS[name]
    text = (_place() / path).read_text("utf-8")
    markdown = MarkdownIt("commonmark", {"html": False}).enable("table")
    tokens = markdown.parse(text)
    for token in tokens:
        _adapt(token, path)
    for opened, inside, closed in zip(tokens, tokens[1:], tokens[2:], strict=False):
        if opened.type == "heading_open":
            opened.attrSet("id", anchor(inside.content))
        # An empty header cell would be an error for screen readers.
        if opened.type == "th_open" and not inside.content:
            opened.tag = closed.tag = "td"
    return str(markdown.renderer.render(tokens, markdown.options, {}))


def drawing(name: str) -> Path:
    """Return the file of a picture in the documents. Raises KeyError for an unknown name."""
    return {path.name: path for path in (_place() / "docs" / "drawings").glob("*.svg")}[name]


def anchor(heading: str) -> str:
    """Return the fragment of a heading, as usual for Markdown: ``job-states`` for "Job states"."""
    return re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")


def _place() -> Path:
    """Return the directory with all documents."""
    return next((place for place in _PLACES if (place / "SETUP.md").is_file()), _PLACES[0])


def _adapt(token: "Token", path: str) -> None:
    """Point links to the pages of documents; let wide tables be scrolled by the keyboard too."""
    if token.type in {"table_open", "fence"}:
        token.attrSet("tabindex", "0")
    for child in token.children or ():
        if child.type == "link_open":
            child.attrSet("href", _address(str(child.attrGet("href")), path))


def _address(link: str, path: str) -> str:
    """Return the target of a link in a document: the page of another document, ``./`` for any other file."""
    parts = urlsplit(link)
    if parts.scheme or not parts.path:
        return link
    target = posixpath.normpath(posixpath.join(posixpath.dirname(path), parts.path))
    name = _NAMES.get(target, _NAMES.get(f"{target}/README.md"))
    return "./" if name is None else f"{name}#{parts.fragment}" if parts.fragment else name
