"""The life of a job on its resource, as one table. Nothing here can act on anything."""

from enum import StrEnum

from lgi_protocol.states import State, counts_as


class Standing(StrEnum):
    """What the project server wants of a job."""

    WANTED = "wanted"
    UNWANTED = "unwanted"
    DROPPED = "dropped"
    STALE = "stale"


class Activity(StrEnum):
    """What the scripts say about a job."""

    RUNNING = "running"
    FINISHED = "finished"
    IDLE = "idle"
    LOST = "lost"  # it was started, and nothing is left of it


class Act(StrEnum):
    """One thing the daemon can do to a job; REPORT_* and REMOVE need the server's word first."""

    PROLOGUE = "prologue"
    RUN = "run"
    EPILOGUE = "epilogue"
    ABORT = "abort"
    REPORT_FINISHED = "report finished"
    REPORT_ABORTED = "report aborted"
    DISOWN = "disown"
    REMOVE = "remove"


# The acts of a step are done in order; the first that fails ends the step until the next look.
Step = tuple[Act, ...]

WAIT: Step = ()
START: Step = (Act.PROLOGUE, Act.RUN)
FINISH: Step = (Act.EPILOGUE, Act.REPORT_FINISHED, Act.REMOVE)

STEPS: dict[tuple[Standing, Activity], Step] = {
    (Standing.WANTED, Activity.RUNNING): WAIT,
    (Standing.WANTED, Activity.FINISHED): FINISH,
    (Standing.WANTED, Activity.IDLE): START,
    # LGI 1.31 would start it again, which a job that deletes its own marks does for ever.
    (Standing.WANTED, Activity.LOST): FINISH,
    (Standing.UNWANTED, Activity.RUNNING): (Act.ABORT, Act.REPORT_ABORTED, Act.REMOVE),
    (Standing.UNWANTED, Activity.FINISHED): FINISH,
    # LGI 1.31 would start an aborted job that never ran.
    (Standing.UNWANTED, Activity.IDLE): (Act.REPORT_ABORTED, Act.REMOVE),
    (Standing.UNWANTED, Activity.LOST): (Act.REPORT_ABORTED, Act.REMOVE),
    (Standing.DROPPED, Activity.RUNNING): (Act.DISOWN,),
    (Standing.DROPPED, Activity.FINISHED): FINISH,
    (Standing.DROPPED, Activity.IDLE): (Act.DISOWN,),
    (Standing.DROPPED, Activity.LOST): FINISH,
    (Standing.STALE, Activity.RUNNING): (Act.ABORT, Act.REMOVE),
    (Standing.STALE, Activity.FINISHED): (Act.EPILOGUE, Act.REMOVE),
    (Standing.STALE, Activity.IDLE): (Act.REMOVE,),
    (Standing.STALE, Activity.LOST): (Act.REMOVE,),
}

_STANDINGS = {State.RUNNING: Standing.WANTED, State.ABORTING: Standing.UNWANTED}


def standing(state: str, is_ours: bool) -> Standing:
    """What the server's word for a job means here; a site-defined word counts as running."""
    if not is_ours:
        return Standing.STALE
    return _STANDINGS.get(counts_as(state), Standing.DROPPED)


def step(wish: Standing, activity: Activity) -> Step:
    """What is to be done now."""
    return STEPS[wish, activity]


def last_step(wish: Standing, ending: State) -> Step:
    """What is left to do once the scripts of a job's end have succeeded: they are not run again."""
    if wish is Standing.STALE:
        return (Act.REMOVE,)
    report = Act.REPORT_ABORTED if ending is State.ABORTED else Act.REPORT_FINISHED
    return (report, Act.REMOVE)
