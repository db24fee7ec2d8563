"""The report of a torture, as a page of Markdown."""

from collections.abc import Sequence

from tests.torture.course import Outcome
from tests.torture.plan import Kind

_SHOWN = 50


def page(outcomes: Sequence[Outcome], circumstances: str) -> str:
    """Return the page on one torture or several."""
    parts = [
        "# Torture",
        "`make torture` runs a grid of real programs, breaks it by a seeded plan and checks afterwards what "
        "was done to each job: each accepted job ends once, with its own output; a claim is run once, and a "
        "job runs again only after it was queued anew; no lock and no directory is left. The rules are in "
        "`tests/torture/verdict.py`. The same seed makes the same plan.",
        circumstances,
        *(_one(outcome) for outcome in outcomes),
    ]
    return "\n\n".join(parts) + "\n"


def _one(outcome: Outcome) -> str:
    plan = outcome.plan
    verdict = "All rules held." if not outcome.broken else f"{len(outcome.broken)} rules were broken:"
    lines = [
        f"## Seed {plan.seed}: {plan.daemons} daemons, {plan.database}, {plan.seconds / 60:.0f} minutes",
        "",
        f"{outcome.accepted} jobs were accepted and {outcome.refused} submits refused. Jobs ran "
        f"{outcome.runs} times, {outcome.requeued} of them were queued anew, because their daemon was away "
        f"for longer than {plan.pulse_limit} s. At the end: {_states(outcome)}. {outcome.unlocked:.0f} s "
        f"after the last fault no lock of that moment was left; {outcome.drained:.0f} s later all jobs "
        "had ended.",
        "",
        "| fault | times |",
        "|---|---|",
        *(f"| {kind} | {_times(kind, outcome)} |" for kind in Kind),
        "",
        verdict,
        *(f"* {sentence}" for sentence in outcome.broken[:_SHOWN]),
    ]
    return "\n".join(lines)


def _states(outcome: Outcome) -> str:
    return ", ".join(f"{number} {state}" for state, number in sorted(outcome.states.items()))


def _times(kind: Kind, outcome: Outcome) -> str:
    return str(outcome.done[kind]) if kind in outcome.possible else "not possible on this machine"
