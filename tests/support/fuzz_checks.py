"""What each answer to an odd form must be: a document, an error that docs/wire.md names, and nothing changed.

FUZZ_EXAMPLES is the number of forms for each call; more than the usual ones are other ones each time.
"""

import os
from collections.abc import Callable
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lxml import etree

from lgi_protocol.reply import Reply, read_answer
from tests.protocol import old_parser
from tests.support.forms import Body
from tests.support.fuzz_calls import Call
from tests.support.fuzz_world import World

USUAL = 30
EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", USUAL))
ENVELOPE = ["API_version", "LGI_version", "CA_certificate", "server_max_field_size", "response"]
fuzzed = settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=EXAMPLES == USUAL,
    database=None,
    suppress_health_check=list(HealthCheck),
)


def document(text: str) -> etree._Element:
    """A well-formed LGI document as all parsers of XML see it."""
    root = etree.fromstring(text.encode(), etree.XMLParser(resolve_entities=False))
    assert root.tag == "LGI"
    assert [child.tag for child in root] == ENVELOPE
    for parent in (root[-1], *root.iterfind("response/job")):
        names = [child.tag for child in parent if "number" not in child.attrib]
        assert len(names) == len(set(names)), f"twice in {parent.tag}: {sorted(names)}"
    return root


def check_parsers_agree(root: etree._Element, text: str) -> None:
    """What LGI's own clients find in an answer is what stands there."""
    response = old_parser.find(old_parser.find(text, "LGI").content, "response").content
    for path in ("project", "session_id", "number_of_jobs"):
        assert old_parser.find(response, path).content.strip() == (root[-1].findtext(path) or "").strip()
    job = old_parser.find(response, "job").content
    for path in ("job_id", "state", "owners"):
        assert old_parser.find(job, path).content.strip() == (root[-1].findtext(f"job/{path}") or "").strip()


def answer(world: World, call: Call, body: Body) -> tuple[int, Reply | None]:
    """The error number of a call, 0 for none, and its answer, both as docs/wire.md has them."""
    before, files = world.lasting(world.rows()), world.repositories()
    response = world.post(call, body)
    assert (response.status_code, response.headers["Content-Type"]) == (200, "text/xml; charset=utf-8")
    text = response.content.decode()
    root = document(text)
    assert "Traceback" not in world.new_log()
    number = int(root.findtext("response/error/number", "0"))
    if not number:
        check_parsers_agree(root, text)
        return 0, read_answer(text)
    assert number in call.errors, f"{text} is not an error of {call.name}"
    assert world.lasting(world.rows()) == before
    assert world.repositories() == files
    return number, None


def fuzz(strategy: st.SearchStrategy[Any], check: Callable[..., None]) -> None:
    """Check what a strategy makes."""
    fuzzed(given(strategy)(check))()
