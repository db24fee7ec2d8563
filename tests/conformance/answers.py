"""An answer as lines, ``job['1']/state = queued``: what must differ taken out, all else kept.

Never compared are the wording of messages, versions (ruling 8), the server's address and directories,
names of repositories, certificates, upper and lower case of hexadecimal digits, blanks around values, the
order of the files of a repository, the text of pages for browsers, and numbers and times that the call
itself made; those that were there before it must be the same.
"""

import re
from collections.abc import Iterator, Mapping, Set
from difflib import SequenceMatcher
from xml.sax.saxutils import quoteattr

from lxml import etree

from tests.conformance.wire import Answer
from tests.support.golden import HEXADECIMAL, RAW

Lines = tuple[str, ...]
Kept = Mapping[str, Set[str]]
NUMBERS = {"job_id", "session_id", "lock_id"}
TIMES = {"state_time_stamp", "lock_time", "unlock_time", "last_call_time"}
PATTERNS = {"date": r"\d+\.\d{9}0", "LGI_version": r"\d+\.\d+\.\d+", "API_version": r"\d+\.\d+"}
# What the home-made parsers of old clients cannot read (clients.md 2.1), or read as something else.
_UNREADABLE = re.compile(r"/>|&#|<\?|<!DOCTYPE|<!\[CDATA")
_NUMBER = re.compile(r"<(\w+) number=('\d+'|\"\d+\")>")
_REPOSITORY = re.compile(r"(?<=/)([0-9a-f]{3})/JOB_[0-9a-f]{29}\1\b")


def lines_of(answer: Answer, kept: Kept) -> Lines:
    """The lines of an answer; ``kept`` are the numbers and times that were there before the call, by tag."""
    first = f"http = {answer.status}"
    body = _REPOSITORY.sub("xxx/JOB_x", answer.body)
    if not body.startswith(("<LGI>", "<status>", "<repository_content>")):
        return (first,) if "<html" in body.lower() else (first, f"body = {body!r}")
    if unreadable := _UNREADABLE.search(body):
        first = f"{first}, unreadable for old clients: {unreadable[0]}"
    body = _NUMBER.sub(_with_quotes, body)
    try:
        return (first, *_lines(etree.fromstring(body.encode()), "", kept))
    except etree.XMLSyntaxError as error:
        mended = etree.fromstring(body.encode(), etree.XMLParser(recover=True))
        return (first, f"no XML: {str(error.msg).partition(',')[0]}", *_lines(mended, "", kept))


def _with_quotes(found: re.Match[str]) -> str:
    """The quotes are part of the number: job scripts compare ``number="1"`` as text (clients.md 2.2)."""
    return f"<{found[1]} number={quoteattr(found[2])}>"


def _lines(element: "etree._Element", above: str, kept: Kept) -> Iterator[str]:
    """The lines of an element. What stands in ``response`` is named from there."""
    number = element.get("number")
    path = f"{above}{element.tag}" + (f"[{number}]" if number else "")
    children = list(element.iterchildren("*"))
    if element.tag in RAW:
        yield f"{path} = {_raw(element)}"
    elif not children:
        yield f"{path} = {_text(element, kept)}"
    else:
        if element.tag == "repository_content":
            children = _by_name(children)
        for child in children:
            yield from _lines(child, "" if element.tag in {"LGI", "response"} else f"{path}/", kept)


def _by_name(children: list["etree._Element"]) -> list["etree._Element"]:
    """Files in the order of their names, numbered so: LGI lists them as the directory has them."""
    files = sorted(
        (one for one in children if one.tag == "file"), key=lambda one: str(one.findtext("file_name"))
    )
    for place, file in enumerate(files, 1):
        file.set("number", re.sub(r"\d+", str(place), file.get("number", "")))
    return [one for one in children if one.tag == "repository_name"] + files + children[-1:]


def _raw(element: "etree._Element") -> str:
    """The XML inside, its blanks made single."""
    text = etree.tostring(element, encoding="unicode", with_tail=False)
    inside = text.removeprefix(f"<{element.tag}>").removesuffix(f"</{element.tag}>").removesuffix("/>")
    return " ".join(inside.replace("><", "> <").split()) if len(element) or element.text else ""


def _text(element: "etree._Element", kept: Kept) -> str:
    text = (element.text or "").strip()
    name = str(element.tag)
    if name in NUMBERS | TIMES and text.isdigit():
        return text if text in kept.get(name, ()) else "#"
    if name in PATTERNS and re.fullmatch(PATTERNS[name], text):
        return "#"
    if name == "message" and text:
        return "..."
    if name == "client_certificate":
        return _certificate(text)
    return text.upper() if name in HEXADECIMAL else text


def _certificate(text: str) -> str:
    """Whether a hexadecimal text is a certificate; which one has to differ."""
    pem = bytes.fromhex(text).decode()
    whole = pem.startswith("-----BEGIN CERTIFICATE-----\n") and pem.endswith("-----END CERTIFICATE-----\n")
    return "a certificate" if whole else text


def difference(recorded: Lines, ours: Lines, cut: bool = False) -> tuple[Lines, Lines]:
    """The lines only LGI had and the lines only we have; two empty tuples when the answers are the same.

    Of a record that was cut only what is there counts, and its last value is the beginning of ours. When
    one of both is an error, it is told in a word. A page for browsers counts by its HTTP status alone.
    """
    if _number(recorded) != _number(ours):
        return (_word(recorded),), (_word(ours),)
    if len(recorded) == 1:
        ours = ours[:1]
    if cut:
        ours = ours[: len(recorded)]
        recorded = (*recorded[:-1], ours[-1] if ours[-1].startswith(recorded[-1]) else recorded[-1])
    steps = SequenceMatcher(None, recorded, ours, autojunk=False).get_opcodes()
    changed = [step for step in steps if step[0] != "equal"]
    gone = tuple(line for _, begin, end, _, _ in changed for line in recorded[begin:end])
    came = tuple(line for _, _, _, begin, end in changed for line in ours[begin:end])
    return _short(gone, ours), _short(came, recorded)


def _short(lines: Lines, others: Lines) -> Lines:
    """Shorten the lines: a job that the other answer does not have at all becomes ``job['1']``."""
    jobs = {line: line.partition("/")[0] for line in lines if line.startswith("job[")}
    there = {line.partition("/")[0] for line in others}
    return tuple(
        dict.fromkeys(line if jobs.get(line, line) in {line, *there} else jobs[line] for line in lines)
    )


def _number(lines: Lines) -> str:
    """The error number of an answer, empty when it is none."""
    start = "error/number = "
    return next((line.removeprefix(start) for line in lines if line.startswith(start)), "")


def _word(lines: Lines) -> str:
    number = _number(lines)
    status = "" if lines[0] == "http = 200" else f" with {lines[0]}"
    return f"error {number}{status}" if number else f"an answer{status}"
