"""A parser of the statements that servers send each other (ruling 5).

Each is one INSERT, REPLACE, UPDATE or DELETE of MySQL on one of five tables. The text is never executed: a
new statement with parameters is made from the parsed values.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

Value = str | int
COLUMNS: dict[str, tuple[str, ...]] = {
    "users_allowed": ("user_name", "application", "job_limit"),
    "groups_allowed": ("group_name", "application", "job_limit"),
    "users_denied": ("user_name", "application"),
    "groups_denied": ("group_name", "application"),
    "active_resources": (
        "resource_name",
        "resource_capabilities",
        "client_certificate",
        "last_call_time",
        "project_server",
        "url",
    ),
}
NUMBERS = frozenset({"job_limit", "last_call_time", "project_server"})


class Verb(StrEnum):
    """The kind of a statement. An INSERT is read as a REPLACE, so that it can be repeated."""

    REPLACE = "REPLACE"
    UPDATE = "UPDATE"
    DELETE = "DELETE"


@dataclass(frozen=True)
class Statement:
    """A parsed statement: the values that it sets, and those of its WHERE, by column."""

    verb: Verb
    table: str
    values: tuple[tuple[str, Value], ...] = ()
    where: tuple[tuple[str, Value], ...] = ()


_TOKEN = re.compile(
    r"\s*(?:(?P<number>-?\d{1,18}(?![\w.]))|(?P<word>[A-Za-z_]\w*)|`(?P<quoted>[A-Za-z_]\w*)`"
    r"|'(?P<single>(?:[^'\\]|''|\\.)*)'|\"(?P<double>(?:[^\"\\]|\"\"|\\.)*)\"|(?P<mark>[(),=;]))",
    re.DOTALL,
)
_ESCAPED = {"n": "\n", "t": "\t", "r": "\r", "0": "\0", "b": "\b", "Z": "\x1a"}


@dataclass(frozen=True)
class _Token:
    """A word, a quoted name, a mark, or a value."""

    kind: str
    text: str
    value: Value = ""


def _tokens(text: str) -> Iterator[_Token]:
    at = 0
    text = text.strip()
    while at < len(text):
        found = _TOKEN.match(text, at)
        if found is None:
            raise ValueError(f"syntax error at {text[at : at + 20]!r}")
        at = found.end()
        kind = str(found.lastgroup)
        inside = found.group(kind)
        if kind == "number":
            yield _Token("value", inside, int(inside))
        elif kind in {"single", "double"}:
            yield _Token("value", inside, _unquoted(inside, "'" if kind == "single" else '"'))
        else:
            yield _Token("name" if kind == "quoted" else kind, inside)


def _unquoted(inside: str, quote: str) -> str:
    """Return the value of a quoted text, with the backslashes and doubled quotes of MySQL replaced."""
    pattern = re.compile(rf"\\(.)|{quote}{quote}", re.DOTALL)
    return pattern.sub(lambda m: _ESCAPED.get(m[1], m[1]) if m[1] else quote, inside)


def parse(text: str) -> Statement:
    """Return the parsed statement. Raises ValueError for one that servers may not send."""
    return _Parser(list(_tokens(text))).statement()


class _Parser:
    """Parses tokens from left to right, without going back."""

    def __init__(self, tokens: list[_Token]) -> None:
        self._tokens = tokens
        self._at = 0

    def statement(self) -> Statement:
        verb = self._word("INSERT", "REPLACE", "UPDATE", "DELETE")
        if verb == "DELETE":
            self._word("FROM")
            table = self._table()
            made = Statement(Verb.DELETE, table, (), self._where(table))
        elif verb == "UPDATE":
            table = self._table()
            self._word("SET")
            made = Statement(Verb.UPDATE, table, self._pairs(table, ","), self._where(table))
        else:
            self._take("INTO")
            table = self._table()
            made = Statement(Verb.REPLACE, table, self._row(table))
        self._take(";")
        if self._at != len(self._tokens):
            raise ValueError("there is more text after the statement")
        return made

    def _row(self, table: str) -> tuple[tuple[str, Value], ...]:
        """Parse ``SET a = 1, b = 2`` or ``(a, b) VALUES (1, 2)``."""
        if self._take("SET"):
            return self._pairs(table, ",")
        columns = self._listed(lambda: self._column(table))
        self._word("VALUES")
        values = self._listed(self._value)
        if len(columns) != len(values):
            raise ValueError("the numbers of columns and values differ")
        return _checked(zip(map(str, columns), values, strict=True))

    def _where(self, table: str) -> tuple[tuple[str, Value], ...]:
        self._word("WHERE")
        return self._pairs(table, "AND")

    def _pairs(self, table: str, between: str) -> tuple[tuple[str, Value], ...]:
        pairs = []
        while True:
            column = self._column(table)
            self._word("=")
            pairs.append((column, self._value()))
            if not self._take(between):
                return _checked(pairs)

    def _listed(self, one: Callable[[], Value]) -> list[Value]:
        self._word("(")
        found = [one()]
        while self._take(","):
            found.append(one())
        self._word(")")
        return found

    def _next(self) -> _Token:
        if self._at >= len(self._tokens):
            raise ValueError("the statement is incomplete")
        self._at += 1
        return self._tokens[self._at - 1]

    def _take(self, word: str) -> bool:
        """Skip a word or mark if it comes next, and return whether it did."""
        token = self._tokens[self._at] if self._at < len(self._tokens) else None
        if token is not None and token.kind in {"word", "mark"} and token.text.upper() == word:
            self._at += 1
            return True
        return False

    def _word(self, *words: str) -> str:
        for word in words:
            if self._take(word):
                return word
        raise ValueError(f"{' or '.join(words)} is missing")

    def _table(self) -> str:
        name = self._name()
        if name not in COLUMNS:
            raise ValueError(f"{name!r} is not a table that servers share")
        return name

    def _column(self, table: str) -> str:
        name = self._name()
        if name not in COLUMNS[table]:
            raise ValueError(f"{name!r} is not a column of {table} that servers share")
        return name

    def _name(self) -> str:
        token = self._next()
        if token.kind not in {"word", "name"}:
            raise ValueError(f"{token.text[:20]!r} is not a name")
        return token.text

    def _value(self) -> Value:
        token = self._next()
        if token.kind != "value":
            raise ValueError(f"{token.text[:20]!r} is not a value")
        return token.value


def _checked(pairs: Iterable[tuple[str, Value]]) -> tuple[tuple[str, Value], ...]:
    """Return columns and values with the right types. Raises ValueError for a repeated column."""
    made: dict[str, Value] = {}
    for column, value in pairs:
        if column in made:
            raise ValueError(f"the column {column} occurs twice")
        made[column] = _typed(column, value)
    return tuple(made.items())


def _typed(column: str, value: Value) -> Value:
    if column not in NUMBERS:
        return str(value)
    text = str(value).strip()
    if not re.fullmatch(r"-?\d{1,18}", text):
        raise ValueError(f"{column} must be a number, not {text[:20]!r}")
    return int(text)
