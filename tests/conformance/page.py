"""`docs/differences.md` from the lists: ``python -m tests.conformance.page > docs/differences.md``."""

from collections.abc import Iterable
from pathlib import Path

from tests.conformance import decisions, exchanges
from tests.conformance.differences import ON_PURPOSE, OPEN, Difference

FILE = Path(__file__).parent.parent.parent / "docs" / "differences.md"
NOTHING = "nothing more"
HEAD = """# Where this server answers differently from LGI 1.31.6

<!-- Made from tests/conformance: python -m tests.conformance.page > docs/differences.md -->

{total} exchanges with a running LGI 1.31.6 are recorded in `tests/golden/exchanges.jsonl`.
`tests/conformance` sends every request again to a running server of ours, on SQLite and on MariaDB, with a
certificate of the recorded name, after bringing the project into the state it was in, and compares the
answers element by element: names, order and values. {same} answers are the same, and {different} differ as
listed here. A test fails when an answer differs in another way than this page says, and also when a
difference of this page is none any more. At the end stands what else was decided.

*Ruling* is section 9 of `wire.md`. What is not compared, because it has to differ or means nothing: the
wording of messages, versions (ruling 8), the server's address and directories, names of repositories,
certificates, upper and lower case of hexadecimal digits, blanks around values, the order of the files of a
repository, pages for browsers, and the numbers and times that a call itself makes.
"""


def page() -> str:
    """The whole page."""
    different = sum(len(one.names) for one in (*ON_PURPOSE, *OPEN))
    total = len(exchanges.ALL)
    head = HEAD.format(total=total, same=total - different, different=different)
    undecided = _section("Not decided yet", OPEN) if OPEN else ()
    return "\n".join([head, *_section("On purpose", ON_PURPOSE), *undecided, *_decided()])


def _section(title: str, listed: Iterable[Difference]) -> Iterable[str]:
    yield f"## {title}\n"
    for one in listed:
        yield f"{one.why}\n"
        yield from (f"* `{name}`: {exchanges.ALL[name].shows}" for name in one.names)
        yield f"\n  LGI: {_said(one.recorded)}  \n  here: {_said(one.ours)}\n"


def _decided() -> Iterable[str]:
    yield "## Decided without a recorded exchange\n"
    yield f"Each has a test, in `{decisions.FILE}`.\n"
    for one in decisions.ALL:
        yield f"### {one.what}\n"
        yield f"{one.why}\n"
        yield f"  LGI: {one.lgi}  \n  here: {one.here}  \n  test: `{one.test}`\n"


def _said(lines: tuple[str, ...]) -> str:
    return ", ".join(f"`{line}`" for line in lines) or NOTHING


if __name__ == "__main__":
    print(page(), end="")
