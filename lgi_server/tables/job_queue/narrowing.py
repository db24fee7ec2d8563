"""The way in which a list is read: from the filter that the fewest jobs pass, as far as an index has it.

A list is the begin of a range of an index, until there are enough jobs. Where few jobs of the range pass the
other filters that would be all of it, a million of them.
"""

from dataclasses import replace

from lgi_protocol import comma_lists
from lgi_server.db.transaction import Transaction, placeholders
from lgi_server.tables.job_access import LABEL, PART, READ, label_key
from lgi_server.tables.job_queue.selection import HELD, Parameters, Selection

# Jobs of each label that are counted to find the label of the fewest.
_COUNTED = 1000
# Jobs that are looked up one by one: each costs as much as 40 rows of a range.
_FEW = 2000
# Different states of the jobs of a reader; sites may have words of their own.
_WORDS = 16


def narrowed(transaction: Transaction, selection: Selection) -> list[Selection]:
    """Return selections that together are this one, and that are read faster."""
    found = _looked_up(transaction, _rarest_first(transaction, selection))
    if found.begin or found.numbers:
        return [found]
    if found.application and found.ended and not (found.labels or found.not_application):
        return [_of_application(transaction, found)]
    for column in ("state", "application"):
        if getattr(found, column) and getattr(found, f"not_{column}"):
            return _of_each_word(transaction, found, column)
    return [found]


def _rarest_first(transaction: Transaction, selection: Selection) -> Selection:
    """Return a selection whose first label is that of the fewest jobs: its rows are the ones to read."""
    if len(selection.labels) < 2:
        return selection
    readers = comma_lists.unique((*selection.readers, comma_lists.ANY))
    some = f"SELECT 1 FROM job_access WHERE role = '{LABEL}' AND name IN ({placeholders(readers)})"
    counts = [
        f"(SELECT COUNT(*) FROM ({some} LIMIT {_COUNTED}) AS few{number}) AS n{number}"
        for number in range(len(selection.labels))
    ]
    keys = [label_key(reader, term) for term in selection.labels for reader in readers]
    row = transaction.row(f"SELECT {', '.join(counts)}", *keys)
    ordered = sorted(enumerate(selection.labels), key=lambda one: int(row[f"n{one[0]}"]) if row else 0)
    return replace(selection, labels=tuple(term for _, term in ordered))


def _looked_up(transaction: Transaction, selection: Selection) -> Selection:
    """Return a selection that begins with its owner, its target or the held jobs if these are few."""
    filters = {"owner": selection.owner, "target": selection.target}
    names = {role: name for role, name in filters.items() if name}
    sources = {role: f"job_access WHERE role = '{role}' AND name = %s" for role in names}
    given = sources | ({HELD: "job_holds"} if selection.is_held else {})
    if not given:
        return selection
    counts = [
        f"(SELECT COUNT(*) FROM (SELECT 1 FROM {source} LIMIT {_FEW + 1}) AS some_{begin}) AS {begin}"
        for begin, source in given.items()
    ]
    row = transaction.row(f"SELECT {', '.join(counts)}", *names.values())
    number, role = min((int(row[role]), role) for role in given) if row else (0, "")
    return replace(selection, begin=role) if number <= _FEW else selection


def _of_application(transaction: Transaction, selection: Selection) -> Selection:
    """Return a selection that begins with its application if it has few jobs, be they all the failed ones."""
    readers = comma_lists.unique((*selection.readers, comma_lists.ANY))
    row = transaction.row(
        "SELECT COUNT(*) AS n FROM (SELECT 1 FROM job_access WHERE role IN (%s, %s)"
        f" AND name IN ({placeholders(readers)}) AND application = %s LIMIT {_FEW + 1}) AS some",
        *(READ, PART, *readers, selection.application),
    )
    return replace(selection, begin="application") if row and int(row["n"]) <= _FEW else selection


def _of_each_word(transaction: Transaction, selection: Selection, column: str) -> list[Selection]:
    """Return a selection for each state or application but the one that is excluded.

    Each is a range of an index in the order of time, and all others are not.
    """
    words = _words(transaction, selection, column)
    if len(words) > _WORDS:
        return [selection]
    if column == "state":
        chosen = [word for word in words if word != selection.state]
        return [replace(selection, state=word, not_state=False) for word in chosen]
    chosen = [word for word in words if word != selection.application]
    return [replace(selection, application=word, not_application=False) for word in chosen]


def _words(transaction: Transaction, selection: Selection, column: str) -> list[str]:
    """Return the different values of a column in the rows of the readers, at most one more than `_WORDS`.

    Each is found by one look at an index for each reader: MariaDB reads all rows in a recursive query.
    """
    parts, parameters = list[str](), Parameters()
    for name in comma_lists.unique((*selection.readers, comma_lists.ANY)):
        for rows, values in selection.rows_of(name):
            parts.append(
                f"SELECT MIN(one.{column}) AS word FROM job_access AS one WHERE {rows} AND one.{column} > %s"
            )
            parameters += [*values, ""]
    words = [""]
    while len(words) <= _WORDS + 1:
        after = [words[-1] if value == "" else value for value in parameters]
        found = [row["word"] for row in transaction.rows(" UNION ALL ".join(parts), *after)]
        least = min((word for word in found if word is not None), default="")
        if not least:
            break
        words.append(least)
    return words[1:]
