"""The plot of a load test, as SVG: calls, latencies, processors and memory over time."""

import os
from pathlib import Path
from typing import Any

from benchmarks.soak.course import DATABASE, SCHEDULER, SERVER, SIMULATOR, Outcome
from benchmarks.soak.latencies import SLOT_SECONDS
from benchmarks.soak.samples import OTHERS

_GROUPS = (SERVER, SCHEDULER, DATABASE, SIMULATOR)


def draw(path: Path, outcome: Outcome) -> bool:
    """Write the plot; return False without matplotlib, which nothing else needs."""
    try:
        from matplotlib.backends.backend_svg import FigureCanvasSVG
        from matplotlib.figure import Figure
    except ImportError:
        return False
    figure = Figure(figsize=(9, 11), layout="constrained")
    FigureCanvasSVG(figure)
    calls, latencies, cores, memory = figure.subplots(4, sharex=True)
    _calls(calls, outcome)
    _latencies(latencies, outcome)
    _cores(cores, outcome)
    _memory(memory, outcome)
    memory.set_xlabel("seconds")
    figure.savefig(path)
    return True


def _calls(axes: Any, outcome: Outcome) -> None:
    slots = sorted(outcome.latencies.slots.items())
    axes.plot([SLOT_SECONDS * slot for slot, _ in slots], [one.number / SLOT_SECONDS for _, one in slots])
    axes.set(ylabel="calls a second", ylim=(0, None))
    axes.set_title(f"{outcome.plan.jobs} jobs, {outcome.plan.resources} daemons")


def _latencies(axes: Any, outcome: Outcome) -> None:
    slots = sorted(outcome.latencies.slots.items())
    for share in (0.5, 0.95, 0.99, 1.0):
        name = "max" if share == 1 else f"p{100 * share:g}"
        times = [1000 * one.quantile(share) for _, one in slots]
        axes.plot([SLOT_SECONDS * slot for slot, _ in slots], times, label=name)
    axes.set(ylabel="ms a call", yscale="log")
    axes.legend(loc="upper right")


def _cores(axes: Any, outcome: Outcome) -> None:
    samples = outcome.samples.taken
    names = (*_GROUPS, OTHERS)
    axes.stackplot(
        [one.at for one in samples], *([one.cores[name] for one in samples] for name in names), labels=names
    )
    axes.set(ylabel="cores", ylim=(0, os.cpu_count()))
    axes.legend(loc="upper right")


def _memory(axes: Any, outcome: Outcome) -> None:
    samples = outcome.samples.taken
    for name in _GROUPS:
        axes.plot([one.at for one in samples], [one.memory[name] / 1e6 for one in samples], label=name)
    axes.set(ylabel="MB", ylim=(0, None))
    axes.legend(loc="upper right")
