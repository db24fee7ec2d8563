"""The documents that come with LGI, as pages for everybody."""

import posixpath
import sys
from functools import lru_cache
from pathlib import Path
from urllib.parse import urlsplit

from markdown_it import MarkdownIt
from markdown_it.token import Token

# What each is called in addresses, where it is, and what it is about.
DOCUMENTS = {
    "tools": ("docs/tools.md", "The commands of a user"),
    "python": ("docs/python.md", "LGI from Python"),
    "certificates": ("certificates/README.md", "Keys and certificates"),
    "applications": ("applications/README.md", "The scripts of an application"),
    "joining": ("docs/joining.md", "How a resource joins"),
    "fair_share": ("docs/fair_share.md", "Who is served first"),
    "setup": ("SETUP.md", "Setting up a project"),
    "wire": ("docs/wire.md", "The protocol: what servers answer"),
    "clients": ("docs/clients.md", "The protocol: what clients send"),
    "changes": ("CHANGELOG.md", "What changed"),
}
_NAMES = {path: name for name, (path, _) in DOCUMENTS.items()}
# In a checkout, and where pip puts a package's data files.
_PLACES = (Path(__file__).parent.parent, Path(sys.prefix) / "share" / "lgi" / "documents")


@lru_cache(maxsize=len(DOCUMENTS))
def page(name: str) -> str:
    """A document as HTML. Raises KeyError for none of them, FileNotFoundError when it is not installed."""
    path, _ = DOCUMENTS[name]
    text = next(
        (place / path for place in _PLACES if (place / "SETUP.md").is_file()), _PLACES[0] / path
    ).read_text("utf-8")
    markdown = MarkdownIt("commonmark", {"html": False}).enable("table")
    tokens = markdown.parse(text)
    for token in tokens:
        _adapt(token, path)
    for opened, inside, closed in zip(tokens, tokens[1:], tokens[2:], strict=False):
        # A column without a name has none to be read aloud.
        if opened.type == "th_open" and not inside.content:
            opened.tag = closed.tag = "td"
    return str(markdown.renderer.render(tokens, markdown.options, {}))


def _adapt(token: Token, path: str) -> None:
    """Lead links to the pages that documents are here; let wide tables be scrolled by the keyboard too."""
    if token.type in {"table_open", "fence"}:
        token.attrSet("tabindex", "0")
    for child in token.children or ():
        if child.type == "link_open":
            child.attrSet("href", _address(str(child.attrGet("href")), path))


def _address(link: str, path: str) -> str:
    """Where a link of a document leads: to another one's page, or to nothing when that is none of these."""
    parts = urlsplit(link)
    if parts.scheme or not parts.path:
        return link
    target = posixpath.normpath(posixpath.join(posixpath.dirname(path), parts.path))
    return _NAMES.get(target, _NAMES.get(f"{target}/README.md", "./"))
