"""The XML of object stores of S3: lists of objects, and errors. A document with a DTD is refused."""

from datetime import datetime
from typing import Any
from urllib.parse import unquote_plus

from lgi_protocol import whole_number, xml
from lgi_protocol.value_object import value_object


@value_object
class S3Object:
    """An object of a list: ``size`` in bytes, ``date`` of its last change in nanoseconds since 1970."""

    key: str
    size: int
    date: int


@value_object
class S3Page:
    """A page of a list: objects, common prefixes, and the token of the next page, empty for the last one."""

    objects: tuple[S3Object, ...]
    prefixes: tuple[str, ...]
    next_page: str


def page(text: bytes) -> S3Page:
    """Return a page of a list, whose names are encoded as in URLs. Raises ValueError."""
    root = _root(text)
    is_last = _text(root, "IsTruncated") != "true"
    token = "" if is_last else _text(root, "NextContinuationToken")
    if not is_last and not token:
        raise ValueError("a list has no next page, but is not complete")
    objects = tuple(_object(one) for one in root.iterfind("{*}Contents"))
    prefixes = tuple(_key(one, "Prefix") for one in root.iterfind("{*}CommonPrefixes"))
    return S3Page(objects, prefixes, token)


def value(text: bytes, name: str) -> str:
    """Return the text of an element below the root, empty when there is none. Raises ValueError."""
    return _text(_root(text), name)


def is_error(text: bytes) -> bool:
    """Return whether a document is an error: some are sent with the status of success."""
    return _local(_root(text)) == "Error"


def errors_of_removal(text: bytes) -> list[str]:
    """Return the codes of the objects that were not removed. Raises ValueError."""
    return [_text(one, "Code")[:64] or "Error" for one in _root(text).iterfind("{*}Error")]


def removal(keys: list[str]) -> bytes:
    """Return the document that asks to remove objects, without an answer for each that is removed."""
    one = "".join(f"<Object><Key>{_escaped(key)}</Key></Object>" for key in keys)
    return f"<Delete><Quiet>true</Quiet>{one}</Delete>".encode("utf-8", "surrogateescape")


def is_in_xml(key: str) -> bool:
    """Return whether a document can have a key: XML has no place for some characters."""
    return xml.unescape(xml.escape(key)) == key


def completion(tags: list[str]) -> bytes:
    """Return the document that completes an upload of parts with these ETags."""
    parts = "".join(
        f"<Part><PartNumber>{number}</PartNumber><ETag>{_escaped(tag)}</ETag></Part>"
        for number, tag in enumerate(tags, 1)
    )
    return f"<CompleteMultipartUpload>{parts}</CompleteMultipartUpload>".encode()


def _escaped(text: str) -> str:
    return xml.escape(text).replace("\n", "&#10;").replace("\r", "&#13;").replace("\t", "&#9;")


def _root(text: bytes) -> Any:
    # Loads many modules, and few programs read such documents.
    from lxml import etree

    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    try:
        # Blanks before a document keep a connection open while a store works.
        root = etree.fromstring(text.strip(), parser)
    except etree.XMLSyntaxError as error:
        raise ValueError(f"it is not XML: {error}") from None
    document: Any = root.getroottree().docinfo
    if document.doctype:
        raise ValueError("a DTD is not accepted")
    return root


def _local(element: Any) -> str:
    return str(element.tag).rpartition("}")[2]


def _text(element: Any, name: str) -> str:
    return (element.findtext(f"{{*}}{name}") or "").strip()


def _key(element: Any, name: str) -> str:
    return unquote_plus(element.findtext(f"{{*}}{name}") or "", errors="surrogateescape")


def _object(element: Any) -> S3Object:
    size = whole_number.read(_text(element, "Size"), 0, whole_number.MOST)
    if size is None:
        raise ValueError("an object of a list has no size")
    date = datetime.fromisoformat(_text(element, "LastModified"))
    return S3Object(_key(element, "Key"), size, max(0, int(date.timestamp())) * 10**9)
