"""The report of a load test: Markdown for people, JSON for programs, a plot."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from benchmarks.soak import plot, slow_log
from benchmarks.soak.counters import share_of_writes
from benchmarks.soak.course import DATABASE, SCHEDULER, SERVER, SIMULATOR, Outcome
from benchmarks.soak.latencies import SLOT_SECONDS, Lengths
from benchmarks.soak.plan import LGI
from benchmarks.soak.samples import OTHERS
from benchmarks.soak.verdict import LONGEST_STATEMENT, failures

_GROUPS = (SERVER, SCHEDULER, DATABASE, SIMULATOR)
_QUANTILES = (0.5, 0.95, 0.99)
_SHOWN = 5


def write(directory: Path, about: Mapping[str, object], outcome: Outcome) -> None:
    """Write report.md, report.json and, with matplotlib, report.svg; ``about`` are the circumstances."""
    directory.mkdir(parents=True, exist_ok=True)
    drawn = plot.draw(directory / "report.svg", outcome)
    text = "\n".join([*_head(about), *markdown(outcome), *(["![over time](report.svg)"] if drawn else [])])
    (directory / "report.md").write_text(text + "\n")
    (directory / "report.json").write_text(json.dumps({**about, **as_json(outcome)}, indent=1) + "\n")
    print("\n".join(markdown(outcome)))
    print(f"\nwritten to {directory}/report.md, report.json" + (", report.svg" if drawn else ""))
    if not drawn:
        print("for the plot: .venv/bin/pip install -e '.[bench]'")


def _head(about: Mapping[str, object]) -> Iterator[str]:
    yield "# Load test"
    yield ""
    yield f"{about['date']}, commit {about['commit']}, {about['database']}, {about['cores']} cores,"
    yield f"load before {about['load_before']:.1f}, Python {about['python']}."
    yield ""


def markdown(outcome: Outcome) -> list[str]:
    """Return the body of the report."""
    parts = (_plan, _verdict, _calls, _late, _statements, _use)
    return [line for part in parts for line in (*part(outcome), "")]


def _plan(outcome: Outcome) -> Iterator[str]:
    plan, calls = outcome.plan, outcome.latencies.everything.number
    kind = f"LGI's calls, pages of {plan.page}" if plan.calls == LGI else "exchanges"
    jobs = f"{outcome.claimed} jobs claimed, {outcome.ended} ended"
    yield (
        f"{plan.jobs} jobs queued (filled in {outcome.filled_in:.0f} s); {plan.resources} daemons with "
        f"{kind} at -ft {plan.fast:g} -st {plan.slow:g}, {plan.places} places each, jobs of "
        f"{plan.shortest:g} to {plan.longest:g} s; {outcome.seconds:.0f} s until the last had ended: {jobs}, "
        f"{outcome.ended / outcome.seconds:.1f}/s; {calls} calls, {calls / outcome.seconds:.0f}/s, "
        f"{sum(outcome.latencies.errors.values())} refused or broken."
    )


def _verdict(outcome: Outcome) -> Iterator[str]:
    failed = failures(outcome)
    if not failed:
        statement = f"; no statement took over {LONGEST_STATEMENT:g} s" if outcome.mariadb else ""
        yield f"**Passed**: every job that was given out ended exactly once{statement}."
    else:
        yield f"**Failed**, {len(failed)} troubles:"
        yield ""
        yield from (f"- {trouble}" for trouble in failed)


def _calls(outcome: Outcome) -> Iterator[str]:
    yield "| call | number | p50 ms | p95 ms | p99 ms | max ms |"
    yield "|---|---|---|---|---|---|"
    latencies = outcome.latencies
    for name, lengths in sorted(latencies.calls.items()):
        yield _row(name, lengths)
    yield _row("all", latencies.everything)
    # Beside the calls: new connections, and exchanges that the server holds.
    for name, lengths in sorted(latencies.apart.items()):
        yield _row(name, lengths)
    for error, number in sorted(latencies.errors.items()):
        yield ""
        yield f"Refused or broken: {error}, {number} times."


def _row(name: str, lengths: Lengths) -> str:
    times = [*(lengths.quantile(share) for share in _QUANTILES), lengths.longest]
    return f"| {name} | {lengths.number} | " + " | ".join(f"{1000 * one:.1f}" for one in times) + " |"


def _late(outcome: Outcome) -> Iterator[str]:
    late, plan = outcome.latencies.late, outcome.plan
    yield (
        f"A daemon's turn began {late.quantile(0.5):.2f} s after it was due (p50),"
        f" {late.quantile(0.99):.2f} s (p99), {late.longest:.2f} s (max)."
    )
    if plan.calls == LGI:
        yield (
            f"The simulators may use {plan.cores:.2f} cores; that held each daemon back for"
            f" {outcome.held:.1f} s in all."
        )


def _statements(outcome: Outcome) -> Iterator[str]:
    if not outcome.mariadb:
        yield "SQLite: statements are not looked at."
        return
    number, above = outcome.counters.get("Questions", 0), slow_log.above(outcome.slow)
    yield "| statements | number | share |"
    yield "|---|---|---|"
    yield f"| all | {number} | |"
    for limit, found in above.items():
        yield f"| over {limit:g} s | {found} | {found / max(1, number):.4%} |"
    yield ""
    yield f"{share_of_writes(outcome.counters):.0%} of those that read or change rows change them."
    yield ", ".join(f"{name} {value}" for name, value in outcome.counters.items()) + "."
    yield ""
    yield from (f"- {one.seconds:.3f} s: `{one.sql}`" for one in outcome.slow[:_SHOWN])


def _use(outcome: Outcome) -> Iterator[str]:
    yield "| processes | cores, mean | most memory MB |"
    yield "|---|---|---|"
    for name in _GROUPS:
        memory = outcome.samples.most_memory(name) / 1e6
        yield f"| {name} | {outcome.samples.mean_cores(name):.2f} | {memory:.0f} |"
    yield f"| {OTHERS} | {outcome.samples.mean_cores(OTHERS):.2f} | |"


def as_json(outcome: Outcome) -> dict[str, object]:
    """Return all results for programs."""
    return {
        "plan": asdict(outcome.plan),
        "passed": not failures(outcome),
        "failures": failures(outcome),
        "seconds_until_all_had_ended": outcome.seconds,
        "filled_in_seconds": outcome.filled_in,
        "jobs_claimed": outcome.claimed,
        "jobs_ended": outcome.ended,
        "calls": {name: _figures(lengths) for name, lengths in sorted(outcome.latencies.calls.items())},
        "all_calls": _figures(outcome.latencies.everything),
        "apart": {name: _figures(lengths) for name, lengths in sorted(outcome.latencies.apart.items())},
        "cores": {name: outcome.samples.mean_cores(name) for name in (*_GROUPS, OTHERS)},
        "errors": dict(outcome.latencies.errors),
        "late": _figures(outcome.latencies.late),
        "held_back_seconds": outcome.held,
        "statements_over_seconds": {str(limit): n for limit, n in slow_log.above(outcome.slow).items()},
        "slowest_statements": [asdict(one) for one in outcome.slow[:_SHOWN]],
        "counters": dict(outcome.counters),
        "samples": [asdict(sample) for sample in outcome.samples.taken],
        "slots": _slots(outcome),
    }


def _figures(lengths: Lengths) -> dict[str, float]:
    named = {f"p{100 * share:g}_ms": 1000 * lengths.quantile(share) for share in _QUANTILES}
    return {"number": lengths.number, **named, "max_ms": 1000 * lengths.longest}


def _slots(outcome: Outcome) -> Sequence[dict[str, float]]:
    return [
        {"from_seconds": SLOT_SECONDS * slot, **_figures(lengths)}
        for slot, lengths in sorted(outcome.latencies.slots.items())
    ]
