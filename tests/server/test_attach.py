"""Sessions of LGI_attach on the server: who may have them, what goes through them, and how they end."""

import time
from dataclasses import dataclass

import pytest

from lgi_protocol.attach_frames import MOST_DATA, MOST_WAITING
from lgi_protocol.attach_stream import StreamAnswer, read_answer
from lgi_protocol.errors import ErrorNumber, LGIError
from lgi_protocol.exchange import Exchange, GivenJob
from lgi_protocol.hexcode import encode
from lgi_server.services.access.principals import UserPrincipal
from lgi_server.services.jobs import attach_admission, attach_sessions
from lgi_server.services.jobs.attach_admission import MOST, MOST_EACH, MOST_NEW
from lgi_server.services.jobs.attach_sessions import AFTER_JOB, IDLE, KEPT, LONGEST, RATE, SILENCE
from tests.server.test_exchange_waits import while_held
from tests.server.test_sharing import share
from tests.support.exchanges import ExchangingDaemon, daemon, end_of, hold_of
from tests.support.grid import Grid, UserCalls, refusal

BOB = "bob@desk"
E = ErrorNumber


@dataclass
class Scene:
    """A running job, its user and its daemon."""

    grid: Grid
    user: UserCalls
    daemon: ExchangingDaemon
    job: GivenJob

    @property
    def job_id(self) -> str:
        """Its number."""
        return self.job.description.job_id

    def begin(self, user: UserCalls | None = None) -> str:
        """Begin a session and return it."""
        reply = (user or self.user).post("interface_attach_job", job_id=self.job_id)
        return reply.value("session")

    def of_user(self, session: str, user: UserCalls | None = None, **fields: str) -> StreamAnswer:
        """Make a call of the user's end."""
        posted = {"session": session, "offset": "0", "received": "0"} | fields
        return read_answer((user or self.user).post("interface_attach_stream", **posted))

    def of_daemon(self, session: str, one: ExchangingDaemon | None = None, **fields: str) -> StreamAnswer:
        """Make a call of the daemon's end."""
        posted = {"session": session, "offset": "0", "received": "0"} | fields
        reference = posted.pop("reference", self.job.description.daemon_reference)
        return read_answer((one or self.daemon).calls.attach_stream(reference, posted))

    def later(self, seconds: int, *columns: str) -> None:
        """Let some times of all sessions be so many seconds earlier."""
        for column in columns:
            self.grid.run(f"UPDATE attach_sessions SET {column} = {column} - %s", seconds)

    def history(self) -> str:
        """The history of the job."""
        return self.user.post("interface_job_history", job_id=self.job_id).content


@pytest.fixture
def scene(grid: Grid) -> Scene:
    """A daemon has taken a job."""
    user, one = grid.user(), daemon(grid)
    user.submit()
    (job,) = one.want()
    return Scene(grid, user, one, job)


def test_a_held_exchange_is_answered_with_a_new_session_once(scene: Scene) -> None:
    """It names job and session; a daemon that knows the session, or has answered it, is not told again."""
    begun: list[str] = []

    answer = while_held(
        lambda: scene.daemon.hold(scene.job, seconds=50, attached=()), lambda: begun.append(scene.begin())
    )

    assert [(one.job_id, one.session) for one in answer.attaches] == [(scene.job_id, *begun)]
    assert scene.daemon.hold(scene.job, attached=tuple(begun)).attaches == ()
    assert scene.daemon.hold(scene.job, attached=()).attaches == answer.attaches
    scene.of_daemon(*begun)
    assert scene.daemon.hold(scene.job, attached=()).attaches == ()


def test_a_daemon_without_sessions_is_told_of_none(scene: Scene) -> None:
    """An older one posts no list of sessions, and its answers have no such element."""
    scene.begin()

    exchange = Exchange(holds=(hold_of(scene.job),), watched=())
    fields = {"project": "LGI", "daemon": "daemon-1", "exchange": "<watched> </watched>"}

    assert scene.daemon.post(exchange).attaches == ()
    assert "attach" not in scene.daemon.calls.client.post("resources/resource_exchange", fields).content


def test_bytes_go_both_ways_once_and_in_order(scene: Scene) -> None:
    """Whatever they are; what was posted twice, as its answer was lost, arrives once."""
    session = scene.begin()
    said = bytes(range(256))

    first = scene.of_user(session, data=encode(said))
    again = scene.of_user(session, data=encode(said + b"more"))
    heard = scene.of_daemon(session)
    rest = scene.of_daemon(session, received="100")
    scene.of_daemon(session, received="260", data=encode(b"answer"))
    answer = scene.of_user(session, offset="260")

    assert (first.accepted, again.accepted) == (256, 260)
    assert (heard.offset, heard.data) == (0, said + b"more")
    assert (rest.offset, rest.data) == (100, (said + b"more")[100:])
    assert scene.of_daemon(session, received="260").data == b""
    assert (answer.offset, answer.data, answer.has_ended) == (0, b"answer", False)


@pytest.mark.slow
def test_a_held_call_of_either_end_is_answered_with_the_bytes_of_the_other(scene: Scene) -> None:
    """At once, whichever worker has the calls; and with the end of the session."""
    session = scene.begin()
    # A call that stores that an end is there is answered at once.
    scene.of_daemon(session)
    scene.later(-1000, "user_seen", "daemon_seen")

    heard = while_held(lambda: scene.of_daemon(session, wait="50"), lambda: scene.of_user(session, data="61"))
    said = while_held(
        lambda: scene.of_user(session, offset="1", wait="50"),
        lambda: scene.of_daemon(session, received="1", data="62"),
    )
    ended = while_held(
        lambda: scene.of_daemon(session, received="1", offset="1", wait="50"),
        lambda: scene.of_user(session, offset="1", received="1", close="1"),
    )

    assert (heard.data, said.data) == (b"a", b"b")
    assert ended.has_ended


def test_a_session_is_refused_to_all_but_the_owner_of_a_running_job(scene: Scene) -> None:
    """Also to one who may read the job, and to one who may change it."""
    bob = scene.grid.user(BOB, ("science",))
    number, queued = int(scene.job_id), str(scene.user.submit())

    def refused(user: UserCalls, job_id: str = scene.job_id) -> int:
        return user.refusal("interface_attach_job", job_id=job_id)

    assert refused(bob) == E.READ_REFUSED
    share(scene.user, number, read_access=BOB)
    assert refused(bob) == E.MODIFY_REFUSED
    share(scene.user, number, write_access=BOB)
    assert refused(bob) == E.MODIFY_REFUSED
    assert refused(scene.user, queued) == E.STATE
    assert refused(scene.user, "999999999") == E.NO_JOB
    assert refused(scene.user, "x") == E.JOB_ID
    scene.daemon.report(end_of(scene.job))
    assert refused(scene.user) == E.STATE
    assert not scene.grid.rows("SELECT job_id FROM attach_sessions")


@pytest.mark.parametrize(("says", "may"), [("no", (E.MODIFY_REFUSED, E.MODIFY_REFUSED)), ("shared", (0, 0))])
def test_a_job_says_whether_anybody_may_attach(
    grid: Grid, says: str, may: tuple[ErrorNumber | int, ErrorNumber | int]
) -> None:
    """With ``shared`` those who may change it too; a reader may not in any case."""
    user, bob, eve = grid.user(), grid.user(BOB, ("science",)), grid.user("eve@desk", ("science",))
    one = daemon(grid)
    job_id = str(
        user.submit(
            job_specifics=f"<attach> {says} </attach>", write_access=BOB, read_access=f"{BOB}, eve@desk"
        )
    )
    one.want()

    assert [two.refusal("interface_attach_job", job_id=job_id) for two in (user, bob)] == list(may)
    assert eve.refusal("interface_attach_job", job_id=job_id) == E.MODIFY_REFUSED


def test_a_project_has_no_sessions_unless_it_says_so(scene: Scene) -> None:
    """The setting ``attach`` is off by default."""
    user = UserPrincipal("mark@laptop", ("theor",))

    with pytest.raises(LGIError, match="not allowed in this project") as refused:
        scene.grid.database.run(
            lambda transaction: attach_admission.begin(
                transaction, user, int(scene.job_id), int(time.time()), is_allowed=False
            )
        )

    assert refused.value.number == E.MODIFY_REFUSED


def test_a_session_is_served_for_its_user_and_the_daemon_of_its_job_alone(scene: Scene) -> None:
    """Whoever guesses or reads its name has no use of it; an unknown one is answered in the same words."""
    session, guessed = scene.begin(), "0" * 32
    bob, other = scene.grid.user(BOB, ("science",)), daemon(scene.grid, "res2@cluster")
    scene.of_user(session, data=encode(b"secret"))

    refused = [
        refusal(lambda: scene.of_user(session, bob)),
        refusal(lambda: scene.of_user(guessed)),
        refusal(lambda: scene.of_user(session.upper())),
        refusal(lambda: scene.of_user("%")),
        refusal(lambda: scene.of_daemon(session, other)),
        refusal(lambda: scene.of_daemon(session, reference="1" * 32)),
        refusal(lambda: scene.of_daemon(guessed)),
    ]

    assert refused == [E.NO_SESSION] * 7
    assert scene.of_daemon(session).data == b"secret"


def test_a_session_whose_job_goes_to_another_resource_is_closed_to_the_first(scene: Scene) -> None:
    """The daemon that has lost the job learns no more of it."""
    session, job = scene.begin(), scene.job.description
    scene.grid.run("UPDATE job_queue SET target_resources = 'res2@cluster' WHERE job_id = %s", job.job_id)

    assert refusal(lambda: scene.of_daemon(session)) == E.NO_SESSION


def test_a_flood_of_either_end_waits_in_its_own_session(scene: Scene) -> None:
    """No more than 64 KiB of each end are stored, and none in a session that has ended."""
    session = scene.begin()
    block, sent = encode(b"x" * MOST_DATA), 0

    for _time in range(4):
        sent = scene.of_user(session, data=block, offset=str(sent)).accepted
    refused = refusal(lambda: scene.of_user(session, data=block + "78", offset=str(sent)))
    gap = refusal(lambda: scene.of_user(session, data="78", offset=str(sent + 1)))
    (stored,) = scene.grid.rows("SELECT input_waiting FROM attach_sessions")
    scene.of_user(session, close="1")
    after = scene.of_user(session, data="78", offset=str(sent))

    assert sent == MOST_WAITING
    assert (refused, gap) == (E.OUTPUT_TOO_BIG, E.START_TOO_BIG)
    assert len(stored["input_waiting"]) == MOST_WAITING  # type: ignore[arg-type]
    assert (after.accepted, after.has_ended) == (sent, True)


def test_a_session_passes_so_many_bytes_on_in_a_second(scene: Scene) -> None:
    """Who reads fast cannot make the server write faster."""
    session = scene.begin()
    scene.grid.run("UPDATE attach_sessions SET moved = %s, used = %s", RATE - 10, int(time.time()) + 5)

    # By the clock of the test the bytes of that second are nearly used up.
    posted = attach_sessions.Posted(0, b"x" * 100, 0, is_closing=False)
    user = UserPrincipal("mark@laptop", ("theor",))
    (row,) = scene.grid.rows("SELECT used FROM attach_sessions")
    now = int(str(row["used"]))
    found = [
        scene.grid.database.run(
            lambda transaction, at=at: attach_sessions.exchange_with_user(
                transaction, user, session, posted, at
            )
        )
        for at in (now, now + 1)
    ]

    assert [one.accepted for one in found] == [10, 100]


def test_a_user_and_a_project_have_so_many_sessions_at_once(scene: Scene) -> None:
    """Those that have ended do not count; nobody else is held up by them."""
    sessions = [scene.begin() for _number in range(MOST_EACH)]

    assert scene.user.refusal("interface_attach_job", job_id=scene.job_id) == E.MODIFY_REFUSED
    scene.of_user(sessions[0], close="1")
    scene.begin()
    scene.grid.run("UPDATE attach_sessions SET user_name = 'others'")
    # However long this takes, they do not end meanwhile.
    scene.later(-1000, "begun", "user_seen", "used")
    now = int(time.time()) + 1000
    for number in range(MOST - MOST_EACH):
        scene.grid.run(
            "INSERT INTO attach_sessions (session_token, job_id, user_name, begun, user_seen, used,"
            " input_waiting, output_waiting) VALUES (%s, 1, 'many', %s, %s, %s, '', '')",
            *(f"t{number}", now, now, now),
        )
    assert scene.user.refusal("interface_attach_job", job_id=scene.job_id) == E.MODIFY_REFUSED
    assert scene.user.state(int(scene.job_id)) == "running"


def test_a_user_begins_so_many_sessions_in_a_minute(scene: Scene) -> None:
    """Ended ones too: each has left its output, and lines in the history of the job."""
    session = scene.begin()
    scene.of_user(session, close="1")
    columns = "job_id, user_name, begun, user_seen, used, ended, input_waiting, output_waiting"
    for number in range(MOST_NEW - 1):
        scene.grid.run(
            f"INSERT INTO attach_sessions (session_token, {columns})"
            f" SELECT %s, {columns} FROM attach_sessions WHERE session_token = %s",
            *(f"t{number}", session),
        )

    refused = scene.user.refusal("interface_attach_job", job_id=scene.job_id)
    scene.later(KEPT, "begun")
    scene.begin()

    assert refused == E.MODIFY_REFUSED


@pytest.mark.parametrize(
    ("seconds", "columns", "why"),
    [
        (SILENCE + 10, ("user_seen",), "has gone"),
        (SILENCE + 10, ("daemon_seen",), "has gone"),
        (IDLE + 10, ("used",), "nothing was sent for 30 minutes"),
        (LONGEST + 10, ("begun",), "a session may take 8 hours"),
    ],
)
def test_a_session_ends_when_an_end_is_gone_or_its_time_is_over(
    scene: Scene, seconds: int, columns: tuple[str, ...], why: str
) -> None:
    """The other end is told why, and so is the history."""
    session = scene.begin()
    scene.of_daemon(session)
    scene.later(seconds, *columns)

    answer = scene.of_daemon(session) if columns == ("user_seen",) else scene.of_user(session)

    assert answer.has_ended
    assert why in answer.end_reason
    assert why in scene.history()


def test_a_session_that_no_daemon_answers_ends_after_half_a_minute(scene: Scene) -> None:
    """As with a daemon that is too old for it."""
    session = scene.begin()
    scene.later(attach_sessions.ANSWER + 5, "begun")

    answer = scene.of_user(session)

    assert "the resource does not answer" in answer.end_reason


def test_a_session_ends_with_its_job(scene: Scene) -> None:
    """Its daemon has some seconds for what is left; a deleted job has no session at once."""
    session, other = scene.begin(), scene.begin()
    scene.of_daemon(session)
    scene.of_daemon(other)
    scene.daemon.report(end_of(scene.job))
    scene.grid.set_job(int(scene.job_id), state_time_stamp=int(time.time()) + 100)
    assert not scene.of_user(session).has_ended

    scene.grid.set_job(int(scene.job_id), state_time_stamp=int(time.time()) - AFTER_JOB - 5)
    ended = scene.of_user(session)
    scene.user.delete(int(scene.job_id))

    assert ended.end_reason == "the job has ended"
    assert scene.of_user(other).end_reason == "the job was deleted"
    assert refusal(lambda: scene.of_daemon(other)) == E.NO_SESSION


def test_the_history_says_who_was_attached_and_how_long_and_nothing_else(scene: Scene) -> None:
    """Neither it nor the log has what was typed or shown."""
    session = scene.begin()
    scene.of_user(session, data=encode(b"PASSWORD"))
    scene.of_daemon(session, data=encode(b"PASSWORD"))
    scene.later(900, "begun")
    scene.of_user(session, close="1")

    history, log = scene.history(), scene.grid.log.read_text()

    assert history.count("<changed_by> user mark@laptop </changed_by> <reason> LGI_attach ") == 2
    assert "LGI_attach has ended after 9" in history
    assert f"job {scene.job_id}: LGI_attach begins, by user 'mark@laptop'" in log
    assert f"job {scene.job_id}: LGI_attach of user 'mark@laptop' has ended after 9" in log
    assert "PASSWORD" not in history + log
    assert encode(b"PASSWORD") not in log


def test_sessions_that_nobody_ended_are_removed(scene: Scene) -> None:
    """By the scheduler: those whose ends have gone end first, and are deleted a minute later."""
    scene.of_daemon(scene.begin(), data=encode(b"left"))
    now = int(time.time())

    def upkeep(at: int) -> list[object]:
        scene.grid.database.run(lambda transaction: attach_sessions.upkeep(transaction, at))
        return [row["ended"] for row in scene.grid.rows("SELECT ended FROM attach_sessions")]

    assert upkeep(now) == [0]
    assert upkeep(now + SILENCE + 10) == [now + SILENCE + 10]
    assert upkeep(now + SILENCE + 10 + KEPT + 1) == []
