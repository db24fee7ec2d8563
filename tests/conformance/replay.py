"""A recorded exchange with our server: the stage is set, the request sent, the answers compared."""

from tests.conformance import exchanges
from tests.conformance.answers import Lines, difference, lines_of
from tests.conformance.preparations import STORED, steps_for
from tests.conformance.stage import Stage
from tests.conformance.wire import Answer, send, session_cookie

RECORDED_URL, RECORDED_DIRECTORY = "https://localhost/LGI", "/srv/LGI/repository"
# It is answered after 30 s, so it is asked beside the others.
PATIENT = "interface_delete_job-err1_backoff_spin"
REPLAYED = [name for name in exchanges.ALL if name != PATIENT]
WEB_INTERFACE, ERROR_67 = "/LGI/basic_interface/index.php", 67


def replay(stage: Stage, name: str) -> tuple[Lines, Lines]:
    """The lines of the answer that only LGI had, and those that only we have."""
    exchange = exchanges.ALL[name]
    try:
        stage.set(steps_for(name))
        caller = stage.callers.of(exchange.common_name)
        cookie = session_cookie(stage.grid.url, caller, WEB_INTERFACE) if exchange.error == ERROR_67 else ""
        answer = send(stage.grid.url, caller, exchange, STORED.get(name, b"contents"), cookie)
    finally:
        stage.strike()
    recorded = lines_of(Answer(exchange.status, exchange.answer), stage.kept)
    return difference(recorded, lines_of(_placed(stage, answer), stage.kept), exchange.is_cut)


def _placed(stage: Stage, answer: Answer) -> Answer:
    """Our answer as it would be at the place of the records."""
    body = answer.body.replace(stage.grid.url, RECORDED_URL)
    return Answer(answer.status, body.replace(str(stage.grid.config.repository), RECORDED_DIRECTORY))
