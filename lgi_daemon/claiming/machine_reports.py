"""What this resource says of its machine to the servers: once, and then what has changed in a minute."""

from collections.abc import Callable
from dataclasses import replace
from threading import Lock

from lgi_daemon.config.model import Configuration
from lgi_daemon.files import machine_readings
from lgi_daemon.jobs.job_table import JobTable
from lgi_protocol import demand, machine_size
from lgi_protocol.machine_state import UNKNOWN, MachineState

# Seconds between two reports to a server: at least PERIOD, and LONGEST when nothing has changed.
PERIOD, LONGEST = 60.0, 3600.0
# Changes up to these are none: of the load, and of the free memory as part of all. An idle machine is quiet.
LOAD_STEP, MEMORY_STEP = 0.2, 0.05
_MEGABYTE = 2**20


class MachineReports:
    """The reports of a daemon, for any number of threads."""

    def __init__(self, jobs: JobTable, configuration: Callable[[], Configuration]) -> None:
        """Count the jobs of ``jobs`` against the limits of the present configuration."""
        self._jobs = jobs
        self._configuration = configuration
        self._guard = Lock()
        self._fixed: MachineState | None = None
        self._read = UNKNOWN
        self._cores = 1
        self._read_at: float | None = None
        # What each server was told last, by project and server, and when.
        self._told: dict[tuple[str, str], tuple[float, MachineState]] = {}

    def news(self, project: str, server: str) -> MachineState | None:
        """Return what a server of a project is to be told now; None if it knows that, or was just told."""
        now = self._jobs.clock.now
        told_at, known = self._told.get((project, server), (None, UNKNOWN))
        if told_at is not None and now < told_at + PERIOD:
            return None
        state = self.state()
        is_old = told_at is None or now >= told_at + LONGEST
        return state if is_old or _differs(state, known) else None

    def note_answer(self, project: str, server: str, state: MachineState | None) -> None:
        """Record that a server has answered an exchange with this state; None was no report."""
        if state is not None:
            self._told[project, server] = self._jobs.clock.now, state

    def state(self) -> MachineState:
        """Return the state of the machine, which is read at most once in `PERIOD`."""
        with self._guard:
            now = self._jobs.clock.now
            if self._read_at is None or now >= self._read_at + PERIOD:
                self._read, self._read_at = self._read_now(), now
            return self._read

    def busy(self) -> int:
        """Return how busy the cores are in percent, in steps of ten: a little more is no difference."""
        load = self.state().load or 0.0
        return 10 * min(10, int(10 * load / self._cores))

    def _read_now(self) -> MachineState:
        if self._fixed is None:
            self._fixed = MachineState(
                system=machine_readings.system(), booted_at=machine_readings.booted_at()
            )
        rules, load = self._configuration().rules, machine_readings.load()
        size, available = machine_size.usable(), machine_readings.free_memory()
        self._cores = size.cores
        records = [job.record for job in self._jobs]
        used = demand.total_demand(record.job_specifics for record in records)
        state = replace(
            self._fixed,
            load=None if load is None else round(load, 2),
            cores=size.cores,
            free_cores=None if load is None else max(0, round(size.cores - load)),
            memory=size.memory // _MEGABYTE,
            free_memory=None if available is None else available // _MEGABYTE,
            slots=rules.job_limit,
            free_slots=max(0, rules.job_limit - len(records)),
        )
        # What the site lets jobs request counts, where it says so.
        if rules.cpu_limit:
            free = max(0, rules.cpu_limit - used.cpus)
            state = replace(state, cores=rules.cpu_limit, free_cores=free)
        if rules.memory_limit:
            left = max(0, rules.memory_limit - used.memory)
            free = left if state.free_memory is None else min(left, state.free_memory)
            state = replace(state, memory=rules.memory_limit, free_memory=free)
        if rules.gpus:
            state = replace(state, gpus=rules.gpus, free_gpus=max(0, rules.gpus - used.gpus))
        return state


def _differs(state: MachineState, known: MachineState) -> bool:
    """Return whether a server is to know of a change: not of one within `LOAD_STEP` or `MEMORY_STEP`."""
    load, memory = LOAD_STEP + 0.1 * (known.load or 0.0), MEMORY_STEP * (known.memory or 0)
    is_close = abs((state.load or 0.0) - (known.load or 0.0)) <= load
    is_close &= abs((state.free_memory or 0) - (known.free_memory or 0)) <= memory
    return not is_close or _counted(state) != _counted(known)


def _counted(state: MachineState) -> MachineState:
    return replace(state, load=None, free_memory=None)
