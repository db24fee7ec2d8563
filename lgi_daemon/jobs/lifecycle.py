"""The life cycle of a job on its resource, as one table without side effects."""

from enum import StrEnum

from lgi_protocol.states import State, normalized


class ServerIntent(StrEnum):
    """What the project server wants of a job."""

    WANTED = "wanted"
    UNWANTED = "unwanted"
    DROPPED = "dropped"
    REQUEUED = "requeued"  # queued again although it is here; until it is taken back nothing is begun
    STALE = "stale"


class Activity(StrEnum):
    """What a job does, as its scripts report it."""

    RUNNING = "running"
    FINISHED = "finished"
    IDLE = "idle"
    LOST = "lost"  # it was started, and has neither processes nor marks


class Action(StrEnum):
    """One thing the daemon does with a job; after REPORT_* the server must confirm the end before REMOVE.

    CHECK_LIMITS fails for a job that is to be given back; then GIVE_BACK is reported in the same way.
    """

    CHECK_LIMITS = "check limits"
    PROLOGUE = "prologue"
    RUN = "run"
    EPILOGUE = "epilogue"
    ABORT = "abort"
    REPORT_FINISHED = "report finished"
    REPORT_ABORTED = "report aborted"
    GIVE_BACK = "give back"
    DISOWN = "disown"
    REMOVE = "remove"


# Actions are executed in order; the first that fails ends them until the next check.
Actions = tuple[Action, ...]

WAIT: Actions = ()
START: Actions = (Action.PROLOGUE, Action.RUN)
CHECK_AND_START: Actions = (Action.CHECK_LIMITS, *START)
FINISH: Actions = (Action.EPILOGUE, Action.REPORT_FINISHED, Action.REMOVE)

ACTIONS: dict[tuple[ServerIntent, Activity], Actions] = {
    (ServerIntent.WANTED, Activity.RUNNING): WAIT,
    (ServerIntent.WANTED, Activity.FINISHED): FINISH,
    (ServerIntent.WANTED, Activity.IDLE): START,
    # LGI 1.31 would start it again, which a job that deletes its own marks does for ever.
    (ServerIntent.WANTED, Activity.LOST): FINISH,
    (ServerIntent.UNWANTED, Activity.RUNNING): (Action.ABORT, Action.REPORT_ABORTED, Action.REMOVE),
    (ServerIntent.UNWANTED, Activity.FINISHED): FINISH,
    # LGI 1.31 would start an aborted job that never ran.
    (ServerIntent.UNWANTED, Activity.IDLE): (Action.REPORT_ABORTED, Action.REMOVE),
    (ServerIntent.UNWANTED, Activity.LOST): (Action.REPORT_ABORTED, Action.REMOVE),
    (ServerIntent.DROPPED, Activity.RUNNING): (Action.DISOWN,),
    (ServerIntent.DROPPED, Activity.FINISHED): FINISH,
    (ServerIntent.DROPPED, Activity.IDLE): (Action.DISOWN,),
    (ServerIntent.DROPPED, Activity.LOST): FINISH,
    # LGI 1.31 would kill it, or run it a second time.
    (ServerIntent.REQUEUED, Activity.RUNNING): WAIT,
    (ServerIntent.REQUEUED, Activity.FINISHED): FINISH,
    (ServerIntent.REQUEUED, Activity.IDLE): WAIT,
    (ServerIntent.REQUEUED, Activity.LOST): FINISH,
    (ServerIntent.STALE, Activity.RUNNING): (Action.ABORT, Action.REMOVE),
    (ServerIntent.STALE, Activity.FINISHED): (Action.EPILOGUE, Action.REMOVE),
    (ServerIntent.STALE, Activity.IDLE): (Action.REMOVE,),
    (ServerIntent.STALE, Activity.LOST): (Action.REMOVE,),
}

_REPORTS = {State.ABORTED: Action.REPORT_ABORTED, State.QUEUED: Action.GIVE_BACK}
_INTENTS = {
    State.RUNNING: ServerIntent.WANTED,
    State.ABORTING: ServerIntent.UNWANTED,
    State.QUEUED: ServerIntent.REQUEUED,
}


def server_intent(state: str, is_ours: bool) -> ServerIntent:
    """Return what a state at the server means here; a site-defined state counts as running."""
    if not is_ours:
        return ServerIntent.STALE
    return _INTENTS.get(normalized(state), ServerIntent.DROPPED)


def next_actions(intent: ServerIntent, activity: Activity, limits_checked: bool = True) -> Actions:
    """Return what to do now; without ``limits_checked`` the limits script is asked before a job starts."""
    actions = ACTIONS[intent, activity]
    return CHECK_AND_START if actions == START and not limits_checked else actions


def last_actions(intent: ServerIntent, ending: State) -> Actions:
    """Return what is left to do once the scripts of a job's end have succeeded: they are not run again."""
    if intent is ServerIntent.STALE:
        return (Action.REMOVE,)
    return (_REPORTS.get(reported_state(intent, ending), Action.REPORT_FINISHED), Action.REMOVE)


def reported_state(intent: ServerIntent, ending: State) -> State:
    """Return the state to report; a job to be given back that its user has aborted meanwhile is aborted."""
    return State.ABORTED if ending is State.QUEUED and intent is ServerIntent.UNWANTED else ending
