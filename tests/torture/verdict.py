"""What must hold after a torture, from the users' answers, the jobs' own ledger and the server's tables."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from tests.torture.ledger import Run

FINISHED, ABORTED = "finished", "aborted"
# What a job's output says of a full disk, in a line of the daemon's.
_FULL = ("[LGI: No space left on device]", "[LGI: the disk was full", "as on a full disk")
ENDS = frozenset({FINISHED, ABORTED})


@dataclass(frozen=True)
class Change:
    """One change of a job's state in the server's history."""

    job_id: int
    old_state: str
    new_state: str

    @property
    def is_requeue(self) -> bool:
        """Return whether a job that a daemon had was queued anew."""
        return self.new_state == "queued" and self.old_state not in {"", "queued"}


@dataclass
class Evidence:
    """All that is known after a torture.

    ``accepted`` has the token of each accepted job, ``asked`` the jobs whose abort somebody asked for.
    ``states`` and ``outputs`` are those of the jobs that the server still has. ``locked`` are jobs that
    stayed locked, ``left`` directories of jobs that stayed on resources, ``damaged`` jobs whose rows in
    different tables do not agree.
    """

    accepted: Mapping[int, str]
    asked: set[int]
    states: Mapping[int, str]
    outputs: Mapping[int, bytes]
    changes: Sequence[Change]
    runs: Sequence[Run]
    locked: Sequence[int] = ()
    left: Sequence[str] = ()
    damaged: Sequence[int] = field(default_factory=list)
    # Run directories were full: a job says so when its output could not be written.
    disks_were_full: bool = False


def violations(evidence: Evidence) -> list[str]:
    """Return a sentence for each rule that was broken; empty when all hold."""
    return [
        *_ends(evidence),
        *_outputs(evidence),
        *_histories(evidence),
        *_runs(evidence),
        *(f"job {job} is still locked long after the last fault" for job in evidence.locked),
        *(f"a resource still has {name}" for name in evidence.left),
        *(f"the tables do not agree on job {job}" for job in evidence.damaged),
    ]


def _ends(evidence: Evidence) -> Iterator[str]:
    """Each accepted job has ended; it is gone only when its deletion was asked for, and aborted likewise."""
    if not evidence.accepted:
        yield "no job was accepted"
    for job in evidence.accepted:
        state = evidence.states.get(job)
        if state is None and job not in evidence.asked:
            yield f"job {job} was accepted and is gone"
        if state is not None and state not in ENDS:
            yield f"job {job} is still {state}"
        if state == ABORTED and job not in evidence.asked:
            yield f"job {job} was aborted, and nobody asked for it"
    for job in evidence.states:
        if job not in evidence.accepted:
            yield f"job {job} is there, and nobody was told that it was accepted"


def _outputs(evidence: Evidence) -> Iterator[str]:
    for job, token in evidence.accepted.items():
        output = evidence.outputs.get(job, b"").decode("utf-8", "replace").strip()
        if evidence.disks_were_full and any(remark in output for remark in _FULL):
            continue
        if evidence.states.get(job) == FINISHED and job not in evidence.asked and output != f"done {token}":
            yield f"job {job} finished with the output {output[:60]!r} instead of 'done {token}'"


def _histories(evidence: Evidence) -> Iterator[str]:
    """A job ends once, and nothing comes after its end."""
    by_job: dict[int, list[Change]] = defaultdict(list)
    for change in evidence.changes:
        by_job[change.job_id].append(change)
    for job, changes in by_job.items():
        ended = [change for change in changes if change.new_state in ENDS]
        if len(ended) > 1:
            yield f"job {job} ended {len(ended)} times"
        for before, after in pairwise(changes):
            if before.new_state != after.old_state:
                yield f"job {job} went from {before.new_state} on as {after.old_state}"


def _runs(evidence: Evidence) -> Iterator[str]:
    """A reference runs once, and what overlaps had lost its right before: the job was queued anew."""
    requeued: dict[int, int] = defaultdict(int)
    for change in evidence.changes:
        if change.is_requeue:
            requeued[change.job_id] += 1
    by_job: dict[int, list[Run]] = defaultdict(list)
    for run in evidence.runs:
        by_job[run.job_id].append(run)
    for job, runs in by_job.items():
        references = [run.reference for run in runs]
        for reference in sorted({one for one in references if references.count(one) > 1}):
            yield f"job {job} was started {references.count(reference)} times as {reference}"
        if len(set(references)) > requeued[job] + 1:
            yield f"job {job} ran {len(set(references))} times and was queued anew {requeued[job]} times"
    finished = {job for job, state in evidence.states.items() if state == FINISHED}
    for job in sorted(finished & set(evidence.accepted) - set(by_job)):
        yield f"job {job} finished and never ran"
