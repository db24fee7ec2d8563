"""The tables of a comparison, in Markdown. Each number stands beside its ratio to the first system."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

TITLES = {
    "lgi-sqlite": "LGI, SQLite",
    "lgi-mariadb": "LGI, MariaDB",
    "slurm": "Slurm",
    "gridengine": "Grid Engine",
    "parallel": "GNU parallel",
    "parsl": "Parsl, HTEX",
    "dask": "Dask distributed",
    "celery": "Celery, Redis",
}
WAYS = {"one": "one by one", "bulk": "in bulk"}
# Cores that other programs used, from which on a row is marked.
FOREIGN = 0.25
ABSENT = "-"


@dataclass(frozen=True)
class Setting:
    """A number of jobs and of slots."""

    jobs: int
    slots: int


@dataclass(frozen=True)
class Found:
    """What was measured of a system with a setting; without numbers ``reason`` says why."""

    system: str
    setting: Setting
    numbers: Mapping[str, float] = field(default_factory=dict)
    version: str = ""
    reason: str = ""


@dataclass(frozen=True)
class Column:
    """A column: its title, its value for a row (None: it has none), and whether ratios stand in it."""

    title: str
    value: Callable[[Found], float | None]
    has_ratio: bool = True


def tables(found: Sequence[Found]) -> str:
    """Return all tables: one for each setting and way of submitting, one for all that is measured once."""
    texts = []
    for setting in dict.fromkeys(one.setting for one in found):
        rows = [one for one in found if one.setting == setting]
        for way, title in WAYS.items():
            if any(f"{way} done" in one.numbers for one in rows):
                text = table(batch_columns(way, setting.jobs), rows)
                texts.append(f"{setting.jobs} jobs submitted {title}, {setting.slots} slots:\n\n{text}")
    single = [one for one in found if "program" in one.numbers or "command" in one.numbers or one.reason]
    first = list({one.system: one for one in reversed(single)}.values())[::-1]
    if any(one.numbers for one in first):
        texts.append(f"One job at a time, a list, memory at rest:\n\n{table(SINGLE, first)}")
    return "\n\n".join(texts)


def number(name: str, scale: float = 1.0) -> Callable[[Found], float | None]:
    """Return the function that finds a number, in another unit."""
    return lambda one: one.numbers[name] * scale if name in one.numbers else None


def batch_columns(way: str, jobs: int) -> Sequence[Column]:
    """Return the columns of jobs that were submitted in one way."""

    def rate(one: Found) -> float | None:
        seconds = one.numbers.get(f"{way} done")
        return jobs / seconds if seconds else None

    return (
        Column("submitted after, s", number(f"{way} submit")),
        Column("all done after, s", number(f"{way} done"), has_ratio=False),
        Column("jobs/s", rate),
        Column("processor a job, ms", number(f"{way} processor")),
    )


SINGLE = (
    Column("`true` from a program, ms", number("program", 1000)),
    Column("`true` by a command, ms", number("command", 1000)),
    Column("a command that submits, ms", number("submit command", 1000)),
    Column("list by a command, s", number("list")),
    Column("its processor, s", number("list processor")),
    Column("memory at rest, MB", number("memory", 1e-6)),
)


def table(columns: Sequence[Column], rows: Sequence[Found]) -> str:
    """Return a table; in brackets are ratios to the first row."""
    lines = [f"| | {' | '.join(column.title for column in columns)} |", "|---" * (len(columns) + 1) + "|"]
    for one in rows:
        if one.reason:
            cells = [one.reason, *[""] * (len(columns) - 1)]
        else:
            cells = [cell(column, one, rows[0]) for column in columns]
        lines.append(f"| {title(one)} | {' | '.join(cells)} |")
    return "\n".join(lines)


def cell(column: Column, one: Found, base: Found) -> str:
    """Return a value with its ratio to that of another row."""
    value, reference = column.value(one), column.value(base)
    if value is None:
        return ABSENT
    if one is base or not reference or not column.has_ratio:
        return short(value)
    return f"{short(value)} ({short(value / reference)})"


def short(value: float) -> str:
    """Return a number with two significant digits, or all before the point: <0.001, 0.012, 1.2, 12, 1,234."""
    if 0 < abs(value) < 0.001:
        return "<0.001"
    if abs(value) >= 10:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 1 else f"{value:.2g}"


def title(one: Found) -> str:
    """Return the name of a row, with what disturbed it."""
    others = one.numbers.get("others", 0.0)
    return TITLES[one.system] + (f" (others used {others:.1f} cores)" if others > FOREIGN else "")
