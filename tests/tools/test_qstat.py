"""LGI_qstat against a server."""

import json
import os
import pty
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from lgi_tools.commands.qstat import main
from tests.support.call_count import counted
from tests.support.canned_server import Answer, CannedServer, end_fields, lgi, lgi_error

from .test_tools_text import JOB

Run = Callable[..., tuple[int, str, str]]
CALL = "interfaces/interface_job_state"
HEAD = (
    "<project> LGI </project> <project_master_server> https://m/LGI </project_master_server> "
    "<this_project_server> https://t/LGI </this_project_server> <user> mark@laptop </user> "
    "<groups> theor </groups> "
)
PROJECT = (
    "This project          : LGI\n"
    "This project server   : https://t/LGI\n"
    "Project master server : https://m/LGI\n"
)
RULE = "-" * 131
COLUMNS = (
    "    # | job_id |        state |                     target_resources |      application | "
    "              time_stamp |       owners"
)


def job(number: int, job_id: int) -> str:
    return (
        f"<job number='{number}'> <job_id> {job_id} </job_id> <state> queued </state> "
        "<state_time_stamp> 1350000001 </state_time_stamp> <target_resources> any </target_resources> "
        "<owners> mark </owners> <application> hello_world </application> </job>"
    )


def page(*jobs: str) -> Answer:
    asked = "<state> any </state> <application> any </application> <start> 0 </start> <limit> 1024 </limit>"
    return lgi(f"{HEAD}{asked} <number_of_jobs> {len(jobs)} </number_of_jobs> {' '.join(jobs)}")


def row(number: int, job_id: int) -> str:
    return (
        f" {number:>4} | {job_id:>6} |       queued |                                  any | "
        "     hello_world | "
        "Fri Oct 12 00:00:01 2012 |         mark"
    )


def test_jobs_are_listed_until_a_page_is_empty(run: Run, server: CannedServer) -> None:
    """Pages of 1024, numbered through, with rules around the table."""
    server.will_answer_call(CALL, page(job(1, 41), job(2, 42)), page(job(1, 43)), page())

    code, out, err = run(main)

    assert (code, err) == (0, "")
    assert out.split("\n") == [
        *("", RULE, COLUMNS, RULE, row(1, 41), row(2, 42), row(3, 43), RULE, ""),
        "Number of jobs listed : 3",
        *PROJECT.split("\n"),
        "",
    ]
    asked = [(request.fields["start"], request.fields["limit"]) for request in server.requests]
    assert asked == [("0", "1024"), ("1024", "1024"), ("2048", "1024")]
    assert len(server.connections) == 1


def test_a_job_that_moved_meanwhile_is_listed_once(run: Run, server: CannedServer) -> None:
    """Pages are no snapshot: a job whose state changed comes again at the end."""
    server.will_answer_call(CALL, page(job(1, 41), job(2, 42)), page(job(1, 41), job(2, 43)), page())

    _, out, _ = run(main)

    assert [line.split("|")[1].strip() for line in out.splitlines() if " | " in line] == [
        *("job_id", "41", "42", "43")
    ]


def test_a_server_that_ignores_the_start_ends_the_list(run: Run, server: CannedServer) -> None:
    """A page with nothing new is the last one."""
    server.will_answer_call(CALL, page(job(1, 41)))

    code, out, _ = run(main)

    assert code == 0
    assert "Number of jobs listed : 1\n" in out


def test_state_and_application_are_passed_on(run: Run, server: CannedServer) -> None:
    """The server resolves a leading exclamation mark."""
    server.will_answer_call(CALL, page())

    code, _, _ = run(main, "-a", "!hello", "-s", "queued")

    assert code == 0
    assert server.requests[0].fields["application"] == "!hello"
    assert server.requests[0].fields["state"] == "queued"


def test_the_newest_jobs_are_listed(run: Run, server: CannedServer) -> None:
    """The list has the newest change last: they are counted first, and the rest is not fetched."""
    counted = lgi(f"{HEAD}<number_of_jobs> 3000 </number_of_jobs>")
    server.will_answer_call(CALL, counted, page(job(1, 41), job(2, 42)), page())

    code, out, _ = run(main, "-n", "2", "-s", "queued")

    assert (code, out.count("hello_world")) == (0, 2)
    assert "Number of jobs listed : 2\n" in out
    asked = [(request.fields["start"], request.fields["limit"]) for request in server.requests]
    assert asked == [("0", "0"), ("2998", "1024"), ("4022", "1024")]
    assert {request.fields["state"] for request in server.requests} == {"queued"}


@pytest.mark.parametrize(
    ("word", "listed"), [("succeeded", [41]), ("failed", [42, 43, 45]), ("unknown", [44])]
)
def test_jobs_are_listed_by_how_they_ended(
    run: Run, server: CannedServer, word: str, listed: list[int]
) -> None:
    """The fields decide, also with an old server that does not filter; running jobs are left out."""
    ends = [
        ("finished", end_fields(0)),
        ("finished", end_fields(3)),
        ("finished", end_fields(signal=9)),
        ("finished", ""),
        ("aborted", ""),
        ("running", ""),
    ]
    jobs = [
        job(number, 40 + number).replace("queued", state).replace(" </job>", f"{fields} </job>")
        for number, (state, fields) in enumerate(ends, 1)
    ]
    server.will_answer_call(CALL, page(*jobs), page())

    code, out, _ = run(main, f"--{word}", "-a", "command", "--json")

    assert (code, [one["job_id"] for one in json.loads(out)["jobs"]]) == (0, listed)
    first, _ = server.requests
    assert (first.fields["ended"], first.fields["application"]) == (word, "command")


def test_the_end_of_a_job_is_shown(run: Run, server: CannedServer) -> None:
    """This includes an unknown end; JSON has the known fields, and none for a running job."""
    told = [JOB.replace("queued", "finished").replace("00FF", "68"), JOB.replace("00FF", "")]
    told.append(told[0].replace(" </job>", f"{end_fields(0, reason='not stored: l (link)')} </job>"))
    server.will_answer_call(CALL, *(lgi(HEAD + one) for one in (*told, *told)))

    unknown, queued, known = (run(main, "7")[1] for _ in told)
    ends = [json.loads(run(main, "--json", "7")[1])["job"] for _ in told]

    assert "\nJob end               : exit code unknown\n" in unknown
    assert "Job end" not in queued
    assert "\nJob end               : exit code 0\nReason of its end     : not stored: l (link)\n" in known
    assert [(one.get("exit_code"), one.get("end_reason")) for one in ends] == [
        (None, None),
        (None, None),
        (0, "not stored: l (link)"),
    ]


def test_the_raw_list_is_numbered_over_all_pages(run: Run, server: CannedServer) -> None:
    """Elements without a root and without line ends between them."""
    server.will_answer_call(CALL, page(job(1, 41)), page(job(1, 42)), page())

    code, out, _ = run(main, "-x")

    assert code == 0
    assert out == (
        f"{job(1, 41)} {job(2, 42)} <project> LGI </project> "
        "<project_master_server> https://m/LGI </project_master_server> "
        "<this_project_server> https://t/LGI </this_project_server> <user> mark@laptop </user> "
        "<groups> theor </groups> <state> any </state> <application> any </application> "
        "<number_of_jobs> 2 </number_of_jobs> \n"
    )


def test_a_count_asks_for_no_job(run: Run, server: CannedServer) -> None:
    """One call with limit 0; -cnt is one option, not -c with something behind it."""
    server.will_answer_call(CALL, lgi(f"{HEAD}<number_of_jobs> 4711 </number_of_jobs>"))

    code, out, _ = run(main, "-cnt")
    _, raw, _ = run(main, "-x", "-cnt")

    assert code == 0
    assert out == f"\nNumber of jobs found  : 4711\n{PROJECT}\n"
    assert raw.endswith("<number_of_jobs> 4711 </number_of_jobs> \n")
    assert server.requests[0].fields["limit"] == "0"
    assert len(server.requests) == 2


def test_a_job_is_shown_in_full(run: Run, server: CannedServer) -> None:
    """Input and output as bytes, then the files."""
    server.will_answer_call(CALL, lgi(JOB.replace("00FF", "6f6b")))

    code, out, _ = run(main, "007")

    assert code == 0
    assert out.startswith("\nThis project          : LGI\n")
    assert out.endswith(
        "Time stamp            : Fri Oct 12 00:00:01 2012 [1350000001]\n"
        "Input                 : hi\n"
        "Output                : ok\n"
        "Repository content    : a&b, c\n"
        "\n"
    )
    # As LGI: leading zeros are sent as they are.
    assert server.requests[0].fields == {
        **{"project": "LGI", "user": "mark@laptop", "groups": "theor"},
        "job_id": "007",
        "show": "labels, times, holds, tries, array, usage, priority, fetched",
    }


def test_the_last_of_several_ids_counts(run: Run, server: CannedServer) -> None:
    """As LGI: only that job is requested."""
    server.will_answer_call(CALL, lgi(JOB))

    run(main, "-x", "1", "2")

    assert [request.fields["job_id"] for request in server.requests] == ["2"]


def test_raw_details_are_the_response(run: Run, server: CannedServer) -> None:
    """An error is printed in the same way, with exit code 1."""
    server.will_answer_call(CALL, lgi(JOB), lgi_error(15, "no such job"))

    good, out, _ = run(main, "-x", "7")
    bad, error, _ = run(main, "-x", "8")

    assert (good, out) == (0, f" {JOB} \n")
    assert (bad, error) == (
        1,
        "<error> <number> 15 </number> <message> no such job </message> </error>\n",
    )


def test_an_error_is_reported_and_is_a_failure(run: Run, server: CannedServer) -> None:
    """As LGI: it is on standard output, between empty lines."""
    server.will_answer_call(CALL, lgi_error(34, "not yours & mine"))

    code, out, _ = run(main, "7")

    assert code == 1
    assert out == f"\nError message returned by server {server.url} : not yours & mine\n\n"


def test_servers_and_resources_are_listed(run: Run, server: CannedServer) -> None:
    """-l and -L may be combined; the project is then printed once."""
    slaves = (
        "<number_of_slave_servers> 1 </number_of_slave_servers> "
        "<project_server number='1'> https://s/LGI </project_server>"
    )
    resource = (
        "<number_of_resources> 1 </number_of_resources> <resource number='1'> "
        "<resource_name> r@h </resource_name> "
        "<resource_capabilities> <cpus> 4 </cpus> </resource_capabilities> "
        "<last_call_time> 1350000001 </last_call_time> </resource>"
    )
    server.will_answer_call("interfaces/interface_project_server_list", lgi(HEAD + slaves))
    server.will_answer_call("interfaces/interface_project_resource_list", lgi(HEAD + resource))
    resources = (
        "\nResource name         : r@h\n"
        "Resource capabilities : <cpus> 4 </cpus>\n"
        "Resource time stamp   : Fri Oct 12 00:00:01 2012 [1350000001]\n\n"
    )

    both, only_servers, only_resources = run(main, "-l", "-L"), run(main, "-l"), run(main, "-L")
    raw = run(main, "-l", "-L", "-x")

    assert only_servers == (0, f"\n{PROJECT}Project slave server  : https://s/LGI\n\n", "")
    assert only_resources == (0, f"\n{PROJECT}{resources}", "")
    assert both == (0, f"\n{PROJECT}Project slave server  : https://s/LGI\n{resources}", "")
    assert raw == (0, f" {HEAD}{slaves} \n {HEAD}{resource} \n", "")


MACHINE = (
    "<machine> <system> Debian 12 </system> <booted_at> 1000 </booted_at> <load> 2.5 </load>"
    " <cores> 8 </cores> <free_cores> 5 </free_cores> <memory> 16000 </memory>"
    " <slots> 20 </slots> <free_slots> 17 </free_slots>"
    " <told_at> 1350000001 </told_at> </machine>"
)


def test_a_machine_is_shown_with_its_resource(run: Run, server: CannedServer) -> None:
    """Behind the lines that LGI has; --long has a line for each resource, --json all numbers."""
    one = (
        "<resource number='1'> <resource_name> r@h </resource_name> <resource_capabilities> <a> </a>"
        f" </resource_capabilities> <last_call_time> 1350000001 </last_call_time> {MACHINE} </resource>"
    )
    other = one.replace(MACHINE, "<drained_since> 5 </drained_since>").replace("r@h", "s@h")
    server.will_answer_call("interfaces/interface_project_resource_list", lgi(HEAD + one + other))

    told, table, as_json = run(main, "-L"), run(main, "-L", "--long"), run(main, "-L", "--json")

    assert "Resource cores        : 5 of 8 free, load 2.50\nResource memory       : 16 GB\n" in told[1]
    assert told[1].count("Resource system") == told[1].count("Resource report       : ") == 1
    heading, first, second = table[1].strip().splitlines()[-3:]
    assert heading.split() == [
        "resource",
        "slots",
        "cores",
        "memory",
        "GPUs",
        "load",
        "up",
        "report",
        "called",
        "system",
    ]
    assert first.split()[:5] == ["r@h", "17", "of", "20", "free"]
    assert first.count(" ago") == 2
    assert "ago, silent" in first
    assert first.endswith("Debian 12")
    assert second.startswith("s@h")
    assert second.endswith("silent, drained")
    machine = json.loads(as_json[1])["resources"][0]["machine"]
    assert (machine["cores"], machine["load"], machine["free_memory"]) == (8, 2.5, None)
    assert machine["told_at"] == 1350000001
    assert "machine" not in json.loads(as_json[1])["resources"][1]


def test_licences_are_listed_with_the_resources(run: Run, server: CannedServer) -> None:
    """Behind them, where the project has any: who waits for one sees how many are in use."""
    licences = (
        "<number_of_resources> 0 </number_of_resources> <number_of_licences> 2 </number_of_licences>"
        " <licence number='1'> <name> genus </name> <total> 1 </total> <used> 1 </used> </licence>"
        " <licence number='2'> <name> primelib </name> <total> 4 </total> <used> 0 </used> </licence>"
    )
    server.will_answer_call("interfaces/interface_project_resource_list", lgi(HEAD + licences))

    told, as_json = run(main, "-L"), run(main, "-L", "--json")

    lines = "Licence               : genus, 1 of 1 in use\nLicence               : primelib, 0 of 4 in use\n"
    assert told == (0, f"\n{PROJECT}\n{lines}\n", "")
    assert json.loads(as_json[1])["licences"] == [
        {"name": "genus", "total": 1, "used": 1},
        {"name": "primelib", "total": 4, "used": 0},
    ]


@pytest.mark.parametrize(
    "words",
    [
        ("7", "-l"),
        ("7", "-l", "-L"),
        ("-l", "-s", "queued"),
        ("-L", "-cnt"),
        ("x7",),
        ("-q",),
        ("-n", "0"),
        ("-L", "-n", "1"),
        ("-cnt", "-n", "1"),
        ("--failed", "--succeeded"),
        ("--failed", "-n", "1"),
        ("-cnt", "--failed"),
    ],
)
def test_options_that_do_not_go_together_are_refused(
    run: Run, server: CannedServer, words: tuple[str, ...]
) -> None:
    """Exit code 1, one line, and nothing is sent."""
    code, out, err = run(main, *words)

    assert (code, out) == (1, "")
    assert err.startswith("LGI_qstat: ")
    assert err.count("\n") == 1
    assert server.requests == []


def test_the_option_verbose_writes_to_standard_error(program: list[str], server: CannedServer) -> None:
    """-v names the calls, -vv shows the answers; standard output stays as it is."""
    server.will_answer_call(CALL, lgi(f"{HEAD}<number_of_jobs> 1 </number_of_jobs>"))

    quiet, loud, louder = (
        subprocess.run([*program, "-cnt", *words], capture_output=True, text=True, timeout=60)
        for words in ([], ["-v"], ["-vv"])
    )

    assert quiet.stderr == ""
    assert quiet.stdout == loud.stdout == louder.stdout
    assert f"calling job_state of {server.url}" in loud.stderr
    assert "<number_of_jobs>" not in loud.stderr
    assert "<number_of_jobs> 1 </number_of_jobs>" in louder.stderr


def test_a_reader_that_has_seen_enough_is_no_error(program: list[str], server: CannedServer) -> None:
    """An example is LGI_qstat

    head -1.
    """
    server.will_answer_call(CALL, page(*(job(each, each) for each in range(1000))), page())

    with subprocess.Popen(program, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as started:
        started.stdout.close()
        complaint = started.stderr.read()

    assert complaint == b""


def test_a_terminal_is_not_steered_by_a_server(program: list[str], server: CannedServer) -> None:
    """Control characters are escaped on a terminal and left alone in a pipe."""
    server.will_answer_call(CALL, lgi(JOB.replace("hello_world", "\x9b2J").replace("6869", "1b63")))
    reading, writing = pty.openpty()

    piped = subprocess.run([*program, "7"], capture_output=True, timeout=60).stdout
    subprocess.run([*program, "7"], stdout=writing, timeout=60, check=True)
    os.close(writing)
    shown = b""
    # The end of what was written to a terminal that is closed is an error.
    with suppress(OSError):
        while block := os.read(reading, 65536):
            shown += block
    os.close(reading)

    assert b"Input                 : \x1bc\n" in piped
    assert b"Input                 : \\x1bc\r\n" in shown
    assert b"Job application       : \\x9b2J" in shown
    assert b"\x1b" not in shown


@pytest.fixture
def program() -> list[str]:
    """The tool as a process of its own."""
    top = Path(__file__).parents[2]
    start = f"import sys; sys.path.insert(0, {str(top)!r}); from lgi_tools.commands.qstat import main; "
    start += "sys.exit(main())"
    return [sys.executable, "-c", start]


@pytest.mark.parametrize(("option", "most"), [("", 150), ("-x", 65), ("--json", 180)])
def test_a_long_list_costs_little_for_each_job(
    run: Run, server: CannedServer, option: str, most: int
) -> None:
    """Calls of functions for one job, and few writes: each page is printed at once, when it has come."""
    pages = [page(*(job(number, begin + number) for number in range(1, 1025))) for begin in (0, 1024, 2048)]
    server.will_answer_call(CALL, *pages, page(), page(), *pages, page())
    words = [option] if option else []
    run(main, "-s", "running", *words)

    few = counted(lambda: main(["-s", "queued", *words]))
    many = counted(lambda: main(words))

    each = (many.total() - few.total()) / 3072
    assert each < most
    assert many["write"] < 40
