"""Rules for tests: names are sentences, docstrings state the rule, nothing private is used."""

import ast
import configparser
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
# Prepositions, pronouns, conjunctions, verbs and participles: no sentence with a subject begins with these.
NO_SUBJECT = frozenset(
    re.findall(
        r"\w+",
        """
        about after as at before behind below beside between beyond by during for from in inside into like
        of off on onto out outside over past since through to under until up upon with within without
        anybody anyone anything everybody everyone everything he her his it its nobody none nothing our she
        somebody something such that their them these they this those us we what whatever which who whoever
        whom whose you your
        although and because but elsewhere how however if nor or so than though unless when whenever where
        wherever while why
        accepts are be can cannot checks could denies deletes did do does fails gets gives had has have
        is keeps may might must rejects refuses returns raises says sees should shows takes tells was were
        will would works writes
        accepted accepting being beginning checking counting deleting fetching given held killing refused
        refusing rejected returned returning signing splitting told using waiting writing
        """,
    )
)
# "One that fooled its script", "two that ask": the noun is missing.
NO_NOUN = re.compile(
    r"(a|an|the|one|two|all|each|every|no|any|other|others|another|many|more|few|only|several|some|exactly)_"
    r"(that|which|who|whose|is|are|was|were|has|have|had|can|may|must|does|do|will|would)_"
)
PRIVATE = re.compile("_[a-z]")
PRIVATE_PATH = re.compile(r"lgi_\w+(\.\w+)*\._[a-z]\w*")


def modules() -> list[Path]:
    return sorted(TESTS.rglob("*.py"))


def functions(source: str) -> Iterator[ast.FunctionDef]:
    """The tests of a module."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
            yield node


def is_sentence(name: str) -> bool:
    """Return whether the name of a test begins with a subject, judged by its first words."""
    sentence = name.removeprefix("test_")
    return sentence.partition("_")[0] not in NO_SUBJECT and not NO_NOUN.match(sentence)


def says_more(function: ast.FunctionDef) -> bool:
    """Whether the docstring of a test has a word that its name has not."""
    rule = re.findall(r"\w+", (ast.get_docstring(function) or "").lower())
    return not set(rule) <= set(function.name.lower().split("_"))


def private_names(source: str) -> list[str]:
    """Return names with an underscore before them: attributes, imports of LGI, paths for monkeypatch."""
    return sorted(set(_private_names(ast.parse(source))))


def _private_names(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and PRIVATE.match(node.attr):
            yield ast.unparse(node)
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("lgi_"):
            yield from (alias.name for alias in node.names if PRIVATE.match(alias.name))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield from (found.group() for found in [PRIVATE_PATH.fullmatch(node.value)] if found)
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith(("setattr", "getattr")):
            words = [word.value for word in node.args if isinstance(word, ast.Constant)]
            yield from (word for word in words if isinstance(word, str) and PRIVATE.match(word))


@pytest.mark.slow
def test_the_name_of_a_test_is_a_sentence_with_a_subject() -> None:
    """So that a list of failures says what is broken: a noun first, no "what", "without", "refuses"."""
    found = [
        f"{path.relative_to(TESTS)} {function.name}"
        for path in modules()
        for function in functions(path.read_text("utf-8"))
        if not is_sentence(function.name)
    ]

    assert found == [], "begin with a noun:\n" + "\n".join(found)


@pytest.mark.parametrize(
    ("name", "is_one"),
    [
        ("test_a_submit_without_an_application_is_refused", True),
        ("test_no_user_becomes_another_by_a_header", True),
        ("test_one_of_many_deletes_removes_the_job", True),
        ("test_without_an_application_nothing_is_done", False),
        ("test_refuses_a_submit", False),
        ("test_what_is_refused_stays", False),
        ("test_it_ends", False),
        ("test_one_that_fails_is_named", False),
    ],
)
def test_a_name_without_a_subject_is_found(name: str, is_one: bool) -> None:
    """By its first word, or by an article without a noun."""
    assert is_sentence(name) is is_one


def test_the_docstring_of_a_test_says_the_rule() -> None:
    """Each test has one, and it says more than the name."""
    found = [
        f"{path.relative_to(TESTS)} {function.name}"
        for path in modules()
        for function in functions(path.read_text("utf-8"))
        if not says_more(function)
    ]

    assert found == [], "say the rule in the docstring of:\n" + "\n".join(found)


@pytest.mark.parametrize(
    ("docstring", "is_rule"),
    [('"""Error 19; nothing is stored."""', True), ('"""A job is refused."""', False), ("pass", False)],
)
def test_a_docstring_that_repeats_the_name_is_found(docstring: str, is_rule: bool) -> None:
    """As one that is not there."""
    (function,) = functions(f"def test_a_job_is_refused():\n    {docstring}")

    assert says_more(function) is is_rule


def test_no_test_touches_a_private_name() -> None:
    """A test that does breaks when the inside of a module changes though nothing else does."""
    allowed = {"os._exit"}  # The only way out of a child of fork; it has this name in Python's manual.
    found = {
        f"{path.relative_to(TESTS)} {name}"
        for path in modules()
        for name in private_names(path.read_text("utf-8"))
        if name not in allowed and not name.startswith(("self._", "cls._"))
    }

    assert found == set()


@pytest.mark.parametrize(
    "source",
    [
        "server._sessions",
        "import lgi_server.app as app\napp._routes()",
        "from lgi_server.app import _routes",
        "monkeypatch.setattr(app, '_routes', {})",
        "monkeypatch.setattr('lgi_server.app._routes', {})",
        "getattr(app, '_routes')",
    ],
)
def test_a_private_name_is_seen_however_it_is_reached(source: str) -> None:
    """As an attribute, by an import, by its name in a text."""
    assert private_names(source)


def test_a_helper_of_tests_is_in_the_list_of_helpers() -> None:
    """Authors of tests find helpers by their purpose in tests/support/README.md."""
    listed = (TESTS / "support" / "README.md").read_text("utf-8")
    words = {word for quoted in re.findall("`(.*?)`", listed) for word in quoted.split(".")}

    assert {path.stem for path in (TESTS / "support").glob("[!_]*.py")} <= words


def test_a_directory_of_tests_is_run_by_make_test_or_by_a_target_of_its_own() -> None:
    """pytest runs the directories of setup.cfg alone: another one would seem to pass for ever."""
    configuration = configparser.ConfigParser()
    configuration.read(TESTS.parent / "setup.cfg", "utf-8")
    run = set(configuration["tool:pytest"]["testpaths"].split())
    run |= set(re.findall(r"-m pytest (tests/\w+)", (TESTS.parent / "Makefile").read_text("utf-8")))

    assert {f"tests/{path.parent.relative_to(TESTS)}" for path in TESTS.rglob("test_*.py")} <= run
