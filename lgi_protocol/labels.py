"""The names and labels of jobs: which are allowed, and how they are written in a field and in a column."""

import re
import unicodedata
from collections.abc import Iterable, Mapping

MOST_NAME = MOST_VALUE = 100
MOST_LABELS = 16
_KEY = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,31}\Z")
# What a search is for: a label as it is written, or a name behind an equals sign, with which no label begins.
NAME = "="


def check_name(text: str) -> str:
    """Return a name in the normal form in which names are compared; empty for no name. Raises ValueError."""
    return _checked(text, "the name of a job", MOST_NAME)


def _checked(text: str, what: str, most: int) -> str:
    text = unicodedata.normalize("NFC", text.strip())
    if not text.isprintable():
        raise ValueError(f"{what} cannot be {text[:40]!r}: it has control characters")
    if (size := len(text.encode("utf-8", "surrogatepass"))) > most:
        raise ValueError(
            f"{what} cannot be {text[:40]!r}...: it has {size} bytes, at most {most} are allowed"
        )
    return text


def read_label(text: str) -> tuple[str, str]:
    """Return key and value of a label written as ``key=value``. Raises ValueError."""
    key, sign, value = text.partition("=")
    key, value = key.strip(), _checked(value, "the value of a label", MOST_VALUE)
    if not sign or not value:
        raise ValueError(f"the label {text[:40]!r} is not written as KEY=VALUE")
    if not _KEY.match(key):
        raise ValueError(
            f"the key of a label cannot be {key[:40]!r}: it is a letter, then up to 31 letters, digits"
            " or characters of _.-"
        )
    return key, value


def read_labels(texts: Iterable[str]) -> dict[str, str]:
    """Return labels by key, each written as ``key=value``. Raises ValueError, also for a key given twice."""
    labels: dict[str, str] = {}
    for key, value in map(read_label, texts):
        if labels.get(key, value) != value:
            raise ValueError(f"the label {key} is given twice, as {labels[key]!r} and {value!r}")
        labels[key] = value
    if len(labels) > MOST_LABELS:
        raise ValueError(f"a job cannot have {len(labels)} labels, at most {MOST_LABELS} are allowed")
    return labels


def write_labels(labels: Mapping[str, str]) -> str:
    """Return labels as a line ``key=value`` each, in the order of their keys."""
    return "\n".join(f"{key}={value}" for key, value in sorted(labels.items()))


def normalize_labels(text: str) -> str:
    """Return labels, a line ``key=value`` each, as `write_labels` writes them. Raises ValueError."""
    return write_labels(read_labels(split_labels(text)))


def split_labels(text: str) -> list[str]:
    """Return the lines of `write_labels`, without empty ones."""
    return [line.strip() for line in text.split("\n") if line.strip()]
