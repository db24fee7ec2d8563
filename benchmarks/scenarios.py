"""The scenarios of the benchmark, each of which is a row of the table."""

from collections.abc import Mapping
from dataclasses import dataclass

from benchmarks.generator import Step
from benchmarks.testbed import NOBODY, READER

FULL = 100_000
# Jobs that are finished on the "empty" queue: as many as all runs of a row can use up.
SHORT = 20_000
RESOURCE = "res{client}@cluster"
SESSION = {"project": "LGI", "session_id": "{session_id}"}
A_JOB = {**SESSION, "job_id": "{job_id}"}
REFERENCE = "<daemon_reference> 0123456789ABCDEF0123456789ABCDEF </daemon_reference>"


@dataclass(frozen=True)
class Scenario:
    """A repeated sequence of calls (a circle), its callers, and the queue.

    ``limit`` is the job limit during the run, 0 for none; ``waiting`` is the number of resources with a long
    poll meanwhile; ``needs`` is the least number of queued jobs. ``submits``: the queue is restored after
    each run. ``finishes``: the number of jobs of the queue that every circle finishes, leaving no lock or
    session; rates and costs are those of one of these jobs.
    """

    name: str
    steps: tuple[Step, ...]
    caller: str = READER
    clients: tuple[int, ...] = (1, 8)
    queues: tuple[int, ...] = (0, FULL)
    reconnect: bool = False
    limit: int = 0
    submits: bool = False
    finishes: int = 0
    waiting: int = 0
    needs: int = 0


def _user(call: str, name: str = READER, **fields: str) -> tuple[Step]:
    who = {"project": "LGI", "user": name, "groups": name}
    return (Step(f"interfaces/{call}", who | fields),)


def _resource(call: str, fields: Mapping[str, str], *keep: str) -> Step:
    return Step(f"resources/resource_{call}", fields, keep)


def work(limit: int, *keep: str) -> Step:
    """Return a request for work."""
    wanted = {"application": "hello_world", "start": "0", "limit": str(limit), "owners": ""}
    return _resource("request_work", SESSION | wanted, *keep)


# There is no job of this application: the call is held until its time is over.
HELD = (_resource("wait", {"project": "LGI", "applications": "nothing", "wait": "60"}),)
SIGN_UP = _resource("signup_resource", {"project": "LGI"}, "session_id")
SIGN_OFF = _resource("signoff_resource", SESSION)
TAKEN = {"state": "running", "target_resources": RESOURCE, "job_specifics": REFERENCE}
LIFE = (
    SIGN_UP,
    work(1, "job_id"),
    _resource("update_job", A_JOB | TAKEN),
    _resource("request_job_details", A_JOB),
    _resource("update_job", A_JOB | {"state": "finished", "output": "48656c6c6f"}),
    _resource("unlock_job", A_JOB),
    SIGN_OFF,
)
# Jobs of one exchange, and exchanges that report on some and get others, between the first and the last.
EACH, BOTH = 8, 3


def _exchange(first: int, gets: bool) -> Step:
    """Return an exchange that reports on the jobs of an answer, the first of them its ``first`` one.

    0 is for none. With ``gets`` it gets as many new ones.
    """
    reported = range(first, first + EACH) if first else range(0)
    reports = (
        f"<report> <job_id> {{job_id#{number}}} </job_id> <daemon_reference> {{daemon_reference#{number}}}"
        " </daemon_reference> <state> finished </state> <output> 48656C6C6F </output>"
        " <exit_code> 0 </exit_code> </report>"
        for number in reported
    )
    text = f"<reports> {' '.join(reports)} </reports>" if first else ""
    if gets:
        wanted = f"<application> hello_world </application> <count> {EACH} </count>"
        reference = "<reference> <daemon_reference> {new} </daemon_reference> </reference>"
        text += f" <wants> <want> {wanted} </want> </wants> <references> {reference * EACH} </references>"
    # In the answer the jobs come behind the reports.
    places = [len(reported) + number for number in range(1, EACH + 1)] if gets else []
    kept = [f"{tag}#{place}" for place in places for tag in ("job_id", "daemon_reference")]
    fields = {"project": "LGI", "daemon": "{client}", "exchange": text}
    return _resource("exchange", fields, *kept)


EXCHANGES = (
    _exchange(0, True),
    _exchange(1, True),
    *[_exchange(EACH + 1, True)] * (BOTH - 1),
    _exchange(EACH + 1, False),
)
SERVER_LIST = Scenario("server list", _user("interface_project_server_list"), clients=(1, 8, 16))
SUBMIT = _user("interface_submit_job", application="hello_world", target_resources="any", input="78" * 100)


def scenarios(job: int) -> tuple[Scenario, ...]:
    """Return all scenarios: the one for comparison comes first, the one that uses up jobs last."""
    details = _user("interface_job_state", job_id=str(job))
    state = (_resource("job_state", {"project": "LGI", "job_id": str(job)}),)
    return (
        SERVER_LIST,
        Scenario("server list, new TLS", SERVER_LIST.steps, queues=(0,), reconnect=True),
        Scenario("list of 10", _user("interface_job_state", limit="10")),
        Scenario("list of 10, owns none", _user("interface_job_state", NOBODY, limit="10"), NOBODY),
        Scenario("list of 10, queued", _user("interface_job_state", limit="10", state="queued")),
        Scenario("list of 10, by name", _user("interface_job_state", limit="10", job_name="sweep")),
        Scenario(
            "list of 10, by label",
            _user("interface_job_state", limit="10", labels="kind=md\npart=3", state="queued", show="labels"),
        ),
        Scenario("count", _user("interface_job_state", limit="0")),
        Scenario("details, 2 files", details),
        Scenario("submit", SUBMIT, submits=True),
        Scenario("submit, limit rule", SUBMIT, submits=True, limit=1_000_000),
        Scenario("resource_job_state", state, RESOURCE),
        Scenario("job_state, 1000 wait", state, RESOURCE, waiting=1000),
        Scenario("work 10", (SIGN_UP, work(10), SIGN_OFF), RESOURCE, needs=200),
        Scenario(
            "exchange, 8 jobs",
            EXCHANGES,
            RESOURCE,
            clients=(1, 8, 16),
            finishes=EACH * (BOTH + 1),
            needs=SHORT,
        ),
        Scenario("job life", LIFE, RESOURCE, clients=(1, 8, 16), queues=(FULL,), finishes=1),
    )
