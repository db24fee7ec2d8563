"""A page of a user's list has thousands of jobs: what each costs the server."""

from lgi_server.api.responses import ResponseBuilder, document
from lgi_server.config.model import Config, ProjectConfig
from lgi_server.tables.job_queue.jobs import JobRow
from tests.protocol.server_answers import NOWHERE, Store
from tests.support.call_count import counted
from tests.support.golden import Tree

JOB = JobRow(
    job_id=1,
    state="queued",
    application="hello_world",
    owners=("mark@laptop",),
    read_access=("admin", "mark@laptop"),
    write_access=("admin", "mark@laptop"),
    target_resources=("any",),
    job_specifics="<cpus> 2 </cpus>",
    lock_state=0,
    state_time_stamp=1_350_000_001,
    repository="JOB_0123456789abcdef0123456789abcdef",
)


def test_a_job_of_a_list_costs_few_calls() -> None:
    """Counted from its row to the text of the answer; the time follows from it."""
    project = ProjectConfig("LGI", "sqlite:LGI.sqlite", "LGI@localhost")
    places = dict.fromkeys(("server_certificate", "server_key", "ca_certificate", "repository"), NOWHERE)
    config = Config(
        url="https://localhost/LGI",
        listen="127.0.0.1:443",
        default_project="LGI",
        projects={"LGI": project},
        **places,
    )
    answers = ResponseBuilder(config, project, Store(Tree("response", "")))  # type: ignore[arg-type]

    calls = counted(lambda: document(config, answers.listed([JOB] * 1000)))

    assert calls.total() / 1000 < 75
