"""LGI_task: folders are submitted once each, and what is wrong with one is said."""

import hashlib
import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from lgi_tools.certificates import user_directory
from lgi_tools.client.job_end import JobEnd
from lgi_tools.task import record
from lgi_tools.task.command import main
from tests.support.grid import BIN, PROJECT, Grid, wait_for

Run = Callable[..., tuple[int, str, str]]
SUBMIT = ("submit", "psi4", "1.5")


@pytest.fixture
def task(grid: Grid, run: Run, home: Path) -> Run:
    """LGI_task of a user of the project, who has one resource that offers `command`."""
    grid.resource(
        "res1@cluster", "<command> &lt;images&gt; psi4:1.5, crest:2.11.2 &lt;/images&gt; </command>"
    )
    shutil.rmtree(home / ".LGI")
    issued = grid.people.user("mark@laptop", ("theor", "cyttron"))
    ca = grid.people.authority.ca_file
    user_directory.write(
        home / ".LGI",
        issued,
        ca,
        user="mark@laptop",
        groups=("theor",),
        server=grid.url,
        project=PROJECT,
    )
    return lambda *words: run(main, *words)


def folders(count: int) -> list[Path]:
    """Folders here with two small files each."""
    made = [Path("dirs", f"{number:05}") for number in range(count)]
    for place in made:
        place.mkdir(parents=True)
        (place / "input.dat").write_text(f"input {place.name}")
        (place / "empty").touch()
    return made


def jobs(grid: Grid) -> int:
    """How many there are."""
    return len(grid.rows("SELECT job_id FROM job_queue"))


def test_a_folder_is_a_job(grid: Grid, task: Run) -> None:
    """Its files go along and its command is the input; its number is printed and remembered."""
    Path("input.dat").write_text("energy('ccsd')")
    Path("link").symlink_to("input.dat")
    Path(".cache").mkdir()

    code, out, err = task("submit", "--cores", "2", "--memory", "4G", *SUBMIT[1:], "psi4", "-n", "in put")

    (row,) = grid.rows("SELECT job_id, application, input, job_specifics FROM job_queue")
    assert (code, out, err) == (0, f"{row['job_id']}\n", "")
    assert bytes(row["input"]) == b"#!/bin/sh\nexec psi4 -n 'in put'\n"  # type: ignore[arg-type]
    assert "<image> psi4:1.5 </image> <cpus> 2 </cpus> <memory> 4096 </memory>" in str(row["job_specifics"])
    told = json.loads(Path(record.NAME).read_text())
    assert (told["job_id"], told["server"], list(told["inputs"])) == (
        row["job_id"],
        grid.url,
        ["input.dat", "link"],
    )
    place = grid.config.repository / told["repository_url"].partition("/repository/")[2]
    assert (place / "link").read_text() == "energy('ccsd')"
    assert not (place / record.NAME).exists()


@pytest.mark.parametrize(
    ("words", "script"),
    [
        (["psi4 input.dat | tee log"], "#!/bin/sh\npsi4 input.dat | tee log\n"),
        (["./my prog"], "#!/bin/sh\n./my prog\n"),
        (["./prog", "a b"], "#!/bin/sh\nchmod u+x ./prog || exit 126\nexec ./prog 'a b'\n"),
        (["env"], "#!/bin/sh\nexec env\n"),
    ],
)
def test_one_word_with_blanks_is_for_the_shell(grid: Grid, task: Run, words: list[str], script: str) -> None:
    """Several words are read by none; a program of the folder becomes one."""
    assert task(*SUBMIT, *words)[0] == 0

    (row,) = grid.rows("SELECT input FROM job_queue")
    assert bytes(row["input"]).decode() == script  # type: ignore[arg-type]


def test_hundreds_of_folders_are_submitted_in_one_command(grid: Grid, task: Run) -> None:
    """Each has its job; again, none has another one, and each says why."""
    made = folders(300)

    code, out, err = task("submit", "--batch", "dirs/*", "psi4", "1.5", "psi4", "input.dat")
    again = task("submit", "--batch", "dirs/*", "psi4", "1.5", "psi4", "input.dat")

    assert (code, err) == (0, "")
    assert out.startswith("Submitted 300 in ")
    numbers = {json.loads((place / record.NAME).read_text())["job_id"] for place in made}
    assert numbers == {row["job_id"] for row in grid.rows("SELECT job_id FROM job_queue")}
    assert jobs(grid) == 300
    assert (again[0], again[1][:12]) == (1, "Submitted 0 ")
    lines = again[2].splitlines()
    first = json.loads((made[0] / record.NAME).read_text())["job_id"]
    assert lines[0] == f"LGI_task: dirs/00000: it was submitted before: it is job {first} of {grid.url}"
    assert len(lines) == 300


def test_a_batch_that_was_cut_goes_on(grid: Grid, task: Run) -> None:
    """Where the submit never arrived, where only its answer was lost, and where that was days ago."""
    made = folders(5)
    words = ("submit", "--batch", "dirs/*", "psi4", "1.5", "psi4")
    task(*words)
    before = {place: record.read(place) for place in made}
    for place in made[:4]:
        told = json.loads((place / record.NAME).read_text())
        record.write(place, record.TaskRecord(told["request_id"], grid.url, "psi4:1.5"))
    record.write(made[3], record.TaskRecord("never-arrived", grid.url, "psi4:1.5"))
    record.forget(made[4])
    grid.run("DELETE FROM submit_requests")
    (made[0] / "input.dat").write_text("changed since")

    code, out, err = task(*words)

    assert (code, out[:12], err) == (0, "Submitted 5 ", "")
    assert jobs(grid) == 7
    for place in made[:3]:
        found, was = record.read(place), before[place]
        assert found is not None
        assert was is not None
        assert (found.job_id, found.repository_url) == (was.job_id, was.repository_url)


def test_the_record_of_a_newer_command_is_read(task: Run) -> None:
    """Who goes back to an older LGI_task keeps the folder's job."""
    made = record.TaskRecord(
        "of-before", "https://localhost/LGI", "psi4:1.5", job_id=7, ending=JobEnd("finished")
    )
    record.write(Path(), made)
    stored = json.loads(Path(record.NAME).read_text())
    stored["of_a_newer_command"] = stored["ending"]["of_a_newer_command"] = 1
    Path(record.NAME).write_text(json.dumps(stored))

    assert record.read(Path()) == made


def test_a_folder_of_a_cut_submit_is_sent_under_the_same_id(grid: Grid, task: Run) -> None:
    """So the server makes one job of it, whatever is still on its way."""
    record.create(Path(), record.TaskRecord("of-before", grid.url, "psi4:1.5"))

    task(*SUBMIT, "psi4")

    (row,) = grid.rows("SELECT request_id FROM submit_requests")
    assert row["request_id"] == "of-before"


@pytest.mark.parametrize(
    "name", ["run.sh", "joblog.txt", "joberr.txt", "LGI_output", ".LGI_x", "LGI_task.json2"]
)
def test_reserved_names_are_refused(grid: Grid, task: Run, name: str) -> None:
    """With the reason, and the folder stays as it was; the others are submitted."""
    made = folders(3)
    (made[1] / name).touch()

    code, out, err = task("submit", "-b", "dirs/*", "psi4", "1.5", "psi4")

    assert (code, out[:12]) == (1, "Submitted 2 ")
    assert err.startswith(
        f"LGI_task: dirs/00001: {name!r} cannot be sent: run.sh, joblog.txt, joberr.txt and"
    )
    assert not (made[1] / record.NAME).exists()
    assert jobs(grid) == 2


def test_a_folder_that_cannot_be_sent_is_refused(grid: Grid, task: Run) -> None:
    """A directory in it, a link that leads nowhere, a name that is no text, a record that is none."""
    made = folders(4)
    (made[0] / "more").mkdir()
    (made[1] / "gone").symlink_to("nowhere")
    (made[2] / "a\udcff").touch()
    (made[3] / record.NAME).write_text("{}")

    code, _, err = task("submit", "-b", "dirs/*", "psi4", "1.5", "psi4")

    assert code == 1
    for fault in (
        "'more' cannot be sent: it is a directory; pack it",
        "'gone' cannot be sent: No such file",
        "cannot be sent: its name is not UTF-8",
        "LGI_task.json is damaged",
    ):
        assert fault in err
    assert jobs(grid) == 0


def test_a_message_about_many_folders_is_printed_a_few_times(grid: Grid, task: Run) -> None:
    """With how many more there are; what is special is not lost among it."""
    folders(30)
    Path("dirs", "00007", record.NAME).write_text("{}")

    code, out, err = task("status", "-b", "dirs/*")

    lines = err.splitlines()
    assert (code, out, len(lines)) == (1, "", 12)
    assert lines[:2] == [
        "LGI_task: dirs/00000: it was not submitted",
        "LGI_task: dirs/00001: it was not submitted",
    ]
    assert "dirs/00007: LGI_task.json is damaged" in err
    assert lines[-1] == "LGI_task: and 19 more folders: it was not submitted"


def test_a_folder_that_the_server_refuses_can_be_submitted_later(grid: Grid, task: Run) -> None:
    """The folder is as it was."""
    code, out, err = task("submit", "-t", "nobody@nowhere", *SUBMIT[1:], "psi4")

    assert (code, out) == (1, "")
    assert "(LGI error " in err
    assert not Path(record.NAME).exists()
    assert task(*SUBMIT, "psi4")[0] == 0


@pytest.mark.parametrize(
    ("words", "fault"),
    [
        (["submit", "psi4", "1.5"], "Missing argument"),
        (["submit", "Psi4", "1.5", "x"], "'Psi4:1.5' is not a container image"),
        (["submit", "psi4", "../1.5", "x"], "'psi4:../1.5' is not a container image"),
        (["submit", "-b", "none/*", "psi4", "1.5", "x"], "no folder matches 'none/*'"),
        (["submit", "-b", "dirs/*", "-f", "psi4", "1.5", "x"], "--force cannot be combined with --batch"),
        (["submit", "--mem", "much", "psi4", "1.5", "x"], "'much' is not a memory size"),
        (["status"], "it was not submitted"),
        (["get"], "it was not submitted"),
        (["cancel"], "it was not submitted"),
        (["prune"], "it was not submitted"),
        (["status", "nowhere"], "nowhere: it was not submitted"),
    ],
)
def test_a_wrong_command_line_is_refused(grid: Grid, task: Run, words: list[str], fault: str) -> None:
    """On standard error, with exit code 1, and nothing is done."""
    code, out, err = task(*words)

    assert (code, out) == (1, "")
    assert fault in err
    assert jobs(grid) == 0


def test_a_container_that_nobody_has_is_warned_of(grid: Grid, task: Run) -> None:
    """It is submitted all the same: who has it may come."""
    code, out, err = task("submit", "psi4", "1.6", "psi4")

    assert (code, out.strip().isdigit()) == (0, True)
    assert err.startswith("LGI_task: warning: no resource announces psi4:1.6; ")


def test_the_codes_that_resources_announce_are_listed(grid: Grid, task: Run) -> None:
    """They may be escaped or not; resources without any are skipped."""
    grid.resource("res2@cluster", "<command> <images> psi4:1.5, not_one </images> </command>")
    grid.resource("res3@cluster", "<command> shell scripts </command>")

    code, out, err = task("list-codes")

    assert (code, err) == (0, "")
    assert out == "crest 2.11.2 res1@cluster\npsi4 1.5 res1@cluster, res2@cluster\n"
    assert json.loads(task("list-codes", "--json")[1])["codes"][0]["version"] == "2.11.2"


def test_the_digests_of_images_are_listed(grid: Grid, task: Run) -> None:
    """A line for each digest of a name, as submit takes it."""
    for number in "12":
        pinned = f"<image_digests> psi4:1.5@sha256:{number * 64} </image_digests>"
        grid.resource(f"res{number}@box", f"<command> <images> psi4:1.5 </images> {pinned} </command>")

    lines = task("list-codes", "--digests")[1].splitlines()
    (code,) = [one for one in json.loads(task("list-codes", "--json")[1])["codes"] if one["code"] == "psi4"]
    submitted = task("submit", "psi4", f"1.5@sha256:{'1' * 64}", "psi4")

    assert f"psi4 1.5@sha256:{'1' * 64} res1@box" in lines
    assert "psi4 1.5 res1@cluster" in lines
    assert code["digests"]["res2@box"] == f"sha256:{'2' * 64}"
    assert (submitted[0], submitted[2]) == (0, "")
    specifics = grid.rows("SELECT job_specifics FROM job_queue")[0]["job_specifics"]
    assert f"<image> psi4:1.5@sha256:{'1' * 64} </image>" in str(specifics)


def test_an_image_is_published_to_the_resources_that_take_images(grid: Grid, task: Run) -> None:
    """A job for each, with the digest of the file; none for one that has it, and none for a wrong name."""
    Path("psi4.tar").write_bytes(b"an image")
    digest = f"sha256:{hashlib.sha256(b'an image').hexdigest()}"
    missing = task("publish", "psi4:1.6", "psi4.tar")
    grid.resource("res2@box", "<image_store> takes images </image_store>")
    known = f"<image_digests> psi4:1.6@{digest} </image_digests>"
    grid.resource("res3@box", f"<image_store> x </image_store> <command> {known} </command>")

    done = task("publish", "psi4:1.6", "psi4.tar")
    refused = [task("publish", name, "psi4.tar") for name in ("psi4", "../x:1", f"psi4:1@{digest}")]
    other = task("publish", "-t", "res1@cluster", "psi4:1.6", "psi4.tar")

    assert (missing[0], "no resource takes images" in missing[2]) == (1, True)
    (job,) = grid.rows("SELECT job_id, target_resources, job_specifics FROM job_queue")
    assert done[:2] == (0, f"{job['job_id']} res2@box\n")
    assert "res3@box has it already" in done[2]
    assert job["target_resources"] == "res2@box"
    assert f"<publish> psi4:1.6@{digest} </publish>" in str(job["job_specifics"])
    assert all(code == 1 and "is not the name of an image" in err for code, _, err in refused)
    assert (other[0], "res1@cluster takes no images" in other[2]) == (1, True)


def test_refusals_are_printed_for_programs_too(grid: Grid, task: Run) -> None:
    """In JSON, with LGI's number where there is one."""
    refused = task("list-codes", "--json", "-P", "nothing")
    silent = task("list-codes", "--json", "-S", "https://localhost:1/LGI")

    assert (refused[0], refused[2], json.loads(refused[1])["error"]["number"]) == (1, "", 4)
    assert (silent[0], silent[2], json.loads(silent[1])["error"]["number"]) == (1, "", None)


@pytest.mark.usefixtures("task")
@pytest.mark.parametrize("place", [">&-", "> /dev/full"])
def test_the_number_of_a_job_is_reported_where_standard_output_does_not_take_it(
    grid: Grid, place: str
) -> None:
    """The job is there, and the exit code is not 0."""
    line = f'"{BIN}/LGI_task" submit psi4 1.5 psi4 {place}'

    done = subprocess.run(line, shell=True, capture_output=True, text=True, timeout=60, check=False)

    job_id = json.loads(Path(record.NAME).read_text())["job_id"]
    assert (done.returncode, jobs(grid)) == (1, 1)
    first, second = done.stderr.splitlines()
    assert first == f"LGI_task: job {job_id} was submitted"
    assert second.startswith("LGI_task: cannot write to standard output: ")


def test_programs_that_may_not_start_are_warned_of(grid: Grid, task: Run) -> None:
    """Once for many folders, which are submitted all the same."""
    for place in folders(3):
        (place / "run.py").write_bytes(b"#!/usr/bin/env python3\r\n")

    code, _, err = task("submit", "-b", "dirs/*", "psi4", "1.5", "./run.py")

    assert code == 0
    assert err.startswith("LGI_task: warning: run.py has Windows line ends: it may not start: ")
    assert err.endswith(" (3 folders)\n")


@pytest.mark.parametrize(
    ("words", "fault"),
    [
        (("-b", "x" * 300, "psi4", "1.5", "x"), "no folder matches 'xxx"),
        (("-t", "caf\udce9", "psi4", "1.5", "x"), "targets is not UTF-8"),
    ],
)
def test_words_that_cannot_be_meant_are_refused(
    grid: Grid, task: Run, words: tuple[str, ...], fault: str
) -> None:
    """Exit code 1, and no record is written."""
    code, out, err = task("submit", *words)

    assert (code, out) == (1, "")
    assert fault in err
    assert not Path(record.NAME).exists()


def test_a_folder_of_another_server_is_left_alone(grid: Grid, task: Run) -> None:
    """It says where its job is."""
    record.create(Path(), record.TaskRecord("x", "https://other/LGI", "psi4:1.5", job_id=3))

    for words in (("status",), ("get",), ("cancel",), ("prune", "-y")):
        code, _, err = task(*words)
        assert (code, err) == (
            1,
            "LGI_task: it was submitted to https://other/LGI: give -S https://other/LGI\n",
        )


@pytest.mark.parametrize("count", [4, 60])
def test_the_state_of_a_folder_is_one_of_five_words(grid: Grid, task: Run, count: int) -> None:
    """In five words, by one call each or by one list for all."""
    made = folders(count)
    task("submit", "-b", "dirs/*", "psi4", "1.5", "psi4")
    numbers = [json.loads((place / record.NAME).read_text())["job_id"] for place in made]
    grid.set_job(numbers[0], state="finished", output=b"[LGI: exit code 0]\n", exit_code=7)
    grid.set_job(numbers[1], state="prepared")
    grid.set_job(numbers[2], state="aborted")
    grid.run("DELETE FROM job_queue WHERE job_id = %s", numbers[3])

    code, out, err = task("status", "--batch", "dirs/*")

    lines = dict(line.removeprefix("dirs/").split(": ", 1) for line in out.splitlines())
    assert (lines["00000"], lines["00001"]) == ("completed: exit code 7", "running")
    assert (lines["00002"], "00003" in lines) == ("completed: cancelled", False)
    assert (code, err) == (1, f"LGI_task: dirs/00003: job {numbers[3]} is not there any more\n")
    waiting = [lines[f"{number:05}"] for number in range(4, count)]
    assert waiting.count("submitted") == min(32, len(waiting))
    assert waiting.count("received") == max(0, len(waiting) - 32)
    grid.run("DELETE FROM job_queue WHERE job_id = %s", numbers[0])
    assert task("status", "-b", "dirs/*")[1].splitlines()[0] == (
        "dirs/00000: removed, results not fetched: exit code 7"
    )


@pytest.mark.parametrize(
    ("columns", "line", "told"),
    [
        ({"exit_code": 0}, "exit code 0", (0, None, "")),
        ({"exit_signal": 9}, "killed by signal 9", (None, 9, "")),
        ({"exit_code": 0, "end_reason": "not stored: l (link)"}, "exit code 0, not stored: l (link)", None),
        ({}, "exit code unknown", (None, None, "")),
        ({"end_reason": "NODE_FAIL"}, "exit code unknown, NODE_FAIL", (None, None, "NODE_FAIL")),
    ],
)
def test_a_folder_says_how_its_job_ended(
    grid: Grid, task: Run, columns: dict[str, object], line: str, told: tuple[object, ...] | None
) -> None:
    """By its fields, whatever its output says; the record in the folder remembers it."""
    task(*SUBMIT, "psi4")
    job_id = json.loads(Path(record.NAME).read_text())["job_id"]
    grid.set_job(job_id, state="finished", output=b"[LGI: exit code 0]\n", **columns)

    first = task("status")
    grid.set_job(job_id, exit_code=99, exit_signal=None)
    (document,) = json.loads(task("status", "--json")[1])["folders"]

    assert first == (0, f"completed: {line}\n", "")
    assert task("status") == first
    if told:
        assert (document["exit_code"], document["exit_signal"], document["reason"]) == told


def test_the_status_of_a_folder_has_the_usage_and_tries_of_its_job(grid: Grid, task: Run) -> None:
    """As JSON, from the record in the folder too; the list of tries is empty for most jobs."""
    task(*SUBMIT, "psi4")
    job_id = json.loads(Path(record.NAME).read_text())["job_id"]
    used = {"cpu_milliseconds": 1500, "peak_memory": 2**20}
    grid.set_job(job_id, state="finished", exit_code=0, tried=1, retries=2, **used)
    grid.run(
        "INSERT INTO job_tries"
        " (job_id, number, started, ended, state, exit_code, end_reason, resource, output, peak_memory)"
        " VALUES (%s, 1, 10, 20, 'finished', 3, '', 'r', %s, 1048576)",
        job_id,
        b"no\n",
    )

    documents = [json.loads(task("status", "--json")[1])["folders"][0] for _ in range(2)]

    assert documents[0] == documents[1]
    assert {name: documents[0][name] for name in used} == used
    (one,) = documents[0]["tries"]
    assert (one["number"], one["exit_code"], one["started"], one["output"]) == (1, 3, 10, "no\n")
    assert one["peak_memory"] == 2**20


def test_a_queued_folder_is_cancelled(grid: Grid, task: Run) -> None:
    """Its job is removed, and it can be submitted again."""
    task(*SUBMIT, "psi4")

    assert task("cancel") == (0, "1 cancelled\n", "")
    assert task("status") == (0, "completed: cancelled\n", "")
    assert jobs(grid) == 0
    assert task(*SUBMIT, "psi4")[0] == 0
    assert jobs(grid) == 1


def test_a_folder_is_submitted_again_when_that_is_meant(grid: Grid, task: Run) -> None:
    """Only with --force a folder that has a job gets a second one."""
    task(*SUBMIT, "psi4")

    refused = task(*SUBMIT, "psi4")
    forced = task("submit", "--force", *SUBMIT[1:], "psi4")

    assert (refused[0], jobs(grid), forced[0]) == (1, 2, 0)


def test_results_that_were_not_fetched_are_not_pruned_unasked(grid: Grid, task: Run) -> None:
    """Without a terminal --yes is required."""
    task(*SUBMIT, "psi4")
    grid.set_job(json.loads(Path(record.NAME).read_text())["job_id"], state="finished")

    code, _, err = task("prune")

    assert code == 1
    assert "the results of 1 folder were not fetched: get them first, or give --yes" in err
    assert task("prune", "--yes") == (0, "1 pruned\n", "")
    assert jobs(grid) == 0
    assert task("status")[1].startswith("removed, results not fetched")


@pytest.mark.parametrize("note", ["not stored: out/ (directory)", "not all files were stored: exit 2"])
def test_results_that_were_not_stored_are_named_and_not_pruned_unasked(
    grid: Grid, task: Run, note: str
) -> None:
    """Each `get` names them, also when the other results are here; prune takes --yes."""
    task(*SUBMIT, "psi4")
    ended(grid)
    grid.set_job(json.loads(Path(record.NAME).read_text())["job_id"], end_reason=f"slow; {note}")

    first, second, pruned = task("get"), task("get"), task("prune")

    assert (first[0], first[2]) == (0, f"LGI_task: {note}\n")
    assert second == (0, "", f"LGI_task: {note}\n")
    assert pruned[0] == 1
    assert "the results of 1 folder were not completely stored: give --yes" in pruned[2]
    assert jobs(grid) == 1
    assert task("prune", "--yes") == (0, "1 pruned\n", "")


def test_results_that_were_fetched_may_go(grid: Grid, task: Run) -> None:
    """After another program has removed the job the folder is still completed."""
    task(*SUBMIT, "psi4")
    ended(grid, made="of the job")
    task("get")
    grid.run("DELETE FROM job_queue")

    assert task("status") == (0, "completed: exit code 0\n", "")


def test_the_streams_of_the_output_are_taken_where_none_are_stored(grid: Grid, task: Run) -> None:
    """A resource that stages nothing reports them all the same; what is here under these names stays."""
    task(*SUBMIT, "psi4")
    output = b"out\n[LGI: standard error]\nerr\n[LGI: exit code 0]\n"
    grid.set_job(json.loads(Path(record.NAME).read_text())["job_id"], state="finished", output=output)
    Path("joberr.txt").write_text("of mine")

    code, out, err = task("get")

    assert (code, out) == (1, "joblog.txt\n")
    assert err == (
        "LGI_task: joberr.txt was edited or created here and is kept: get --replace-edited replaces it\n"
    )
    assert (Path("joblog.txt").read_text(), Path("joberr.txt").read_text()) == ("out\n", "of mine")


def test_streams_that_are_cut_are_no_whole_result(grid: Grid, task: Run) -> None:
    """The mark of the cut is not in the file, and an error is reported."""
    task(*SUBMIT, "psi4")
    output = b"out\n[LGI: cut, it has 90000 bytes]\n[LGI: exit code 0]\n"
    grid.set_job(json.loads(Path(record.NAME).read_text())["job_id"], state="finished", output=output)

    code, out, err = task("get")

    assert (code, out) == (1, "joblog.txt\njoberr.txt\n")
    assert err == "LGI_task: joblog.txt is incomplete: its resource has reported 4 of 90000 bytes\n"
    assert Path("joblog.txt").read_text() == "out\n"


def ended(grid: Grid, **results: str) -> Path:
    """The folder's job has ended and stored these files; the directory of its repository."""
    told = json.loads(Path(record.NAME).read_text())
    place = grid.config.repository / told["repository_url"].partition("/repository/")[2]
    for name, text in results.items():
        (place / name).write_text(text)
    grid.set_job(told["job_id"], state="finished", exit_code=0)
    return place


def test_a_file_that_was_removed_here_comes_again(grid: Grid, task: Run) -> None:
    """Results, streams and inputs, as often as they are asked for; without a call when all is here."""
    Path("input.dat").write_text("of mine")
    task(*SUBMIT, "psi4")
    ended(grid, made="of the job")

    first = task("get")
    again = task("get")
    for name in ("made", "input.dat", "joblog.txt"):
        Path(name).unlink()
    after = task("get")

    assert (first[0], sorted(first[1].split())) == (0, ["joberr.txt", "joblog.txt", "made"])
    assert again == (0, "", "")
    assert (after[0], {"made", "input.dat", "joblog.txt"} - set(after[1].split())) == (0, set())
    assert (Path("made").read_text(), Path("input.dat").read_text()) == ("of the job", "of mine")


def test_results_in_directories_come_into_the_folder(grid: Grid, task: Run) -> None:
    """With their paths, none of which leads elsewhere; the folder can be submitted again with them."""
    words = [word for word in SUBMIT if word != "submit"]
    task("submit", "--output", "results/**", *words, "psi4")
    names = ("results%2Fdeep%2Fa", "..%2Fup", "%2Fetc%2Fx", "link%2Fa", ".git%2Fhook", "results%2F.%2Fa")
    names += ("results%2F.git%2Fhook",)
    ended(grid, **dict.fromkeys(names, "of the job"))

    Path("link").symlink_to("..")
    code, out, err = task("get")
    Path("link").unlink()
    again = task("submit", "--force", *words, "psi4")

    assert (code, set(out.split())) == (1, {"results/deep/a", "joblog.txt", "joberr.txt"})
    faults = ("LGI_task: link/a: link is a symbolic link", "LGI_task: .git/hook: it is in a hidden directory")
    assert all(fault in err for fault in faults)
    assert "LGI_task: results/.git/hook: it is in a hidden directory" in err
    assert list(Path().rglob(".git")) == []
    assert Path("results/deep/a").read_text() == "of the job"
    assert not Path("../a").exists()
    assert again[0] == 0


def test_a_file_that_was_edited_here_is_not_replaced(grid: Grid, task: Run) -> None:
    """Inputs since the submit, results since they came, what was made here: --force names each."""
    for name in ("edited", "both", "changed"):
        Path(name).write_text("sent")
    task(*SUBMIT, "psi4")
    ended(grid, both="of the job", changed="of the job", made="of the job", result="of the job")
    for name in ("edited", "both", "made"):
        Path(name).write_text("of mine")

    plain = task("get")
    Path("result").write_text("of mine")
    forced = task("get", "--force")
    kept = {name: Path(name).read_text() for name in ("edited", "both", "made", "result", "changed")}
    replaced = task("get", "--replace-edited")

    stays = "LGI_task: {} was edited or created here and is kept: get --replace-edited replaces it\n"
    assert plain[0] == 1
    assert plain[2] == (
        stays.format("both")
        + "LGI_task: changed already exists and differs: get --force replaces it\n"
        + stays.format("made")
    )
    assert (forced[0], forced[2].splitlines(True)) == (
        1,
        [stays.format(name) for name in ("edited", "result", "both", "made")],
    )
    assert kept == dict.fromkeys(("edited", "both", "made", "result"), "of mine") | {"changed": "of the job"}
    assert (replaced[0], replaced[2]) == (0, "")
    assert [Path(name).read_text() for name in ("edited", "both", "made")] == [
        "sent",
        "of the job",
        "of the job",
    ]


def test_an_input_that_was_edited_is_no_fault_where_the_job_has_left_it(grid: Grid, task: Run) -> None:
    """The next calculation is prepared while this one runs; all its results have come."""
    Path("input.dat").write_text("sent")
    task(*SUBMIT, "psi4")
    ended(grid, made="of the job")
    Path("input.dat").write_text("the next")

    assert task("get")[::2] == (0, "")
    assert Path("input.dat").read_text() == "the next"
    assert task("prune") == (0, "1 pruned\n", "")


def test_a_link_is_not_followed_by_what_comes_back(grid: Grid, task: Run, tmp_path: Path) -> None:
    """Others may use what it leads to."""
    shared = tmp_path / "basis"
    shared.write_text("of all")
    Path("basis").symlink_to(shared)
    task(*SUBMIT, "psi4")
    ended(grid, basis="of the job")

    code, _, err = task("get", "--replace-edited")

    assert (code, err) == (1, "LGI_task: basis is a symbolic link here: move it away to fetch the result\n")
    assert (shared.read_text(), Path("basis").is_symlink()) == ("of all", True)


def test_a_copy_of_a_folder_does_nothing_to_the_job_of_the_other(grid: Grid, task: Run) -> None:
    """Its record came along with it; a folder that was moved keeps its job."""
    (one,) = folders(1)
    copy, moved = Path("copy"), Path("moved")
    task("submit", "-b", str(one), "psi4", "1.5", "psi4")
    shutil.copytree(one, copy)
    whole = one.absolute()

    pruned, cancelled = task("prune", "-y", "copy"), task("cancel", "copy")
    submitted = task("submit", "-b", "copy", "psi4", "1.5", "psi4")

    for code, out, err in (pruned, cancelled):
        assert (code, out, f"copy: it is a copy of {whole}, whose job " in err) == (1, "", True)
    assert submitted[0] == 1
    assert f"copy: it is a copy of {whole}, with its LGI_task.json: submit --force" in submitted[2]
    assert jobs(grid) == 1
    (copy / record.NAME).unlink()
    assert task("submit", "-b", "copy", "psi4", "1.5", "psi4")[0] == 0
    one.rename(moved)
    assert task("cancel", "moved", "copy") == (0, "2 cancelled\n", "")


@pytest.mark.slow
def test_a_batch_that_was_killed_makes_no_second_job(
    grid: Grid, task: Run, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """At whatever moment: once some folders were begun, and once some have their jobs. It leaves no file."""
    made = folders(300)
    temporary = tmp_path_factory.mktemp("temporary")
    environment = {**os.environ, "TMPDIR": str(temporary)}
    words = ("submit", "-b", "dirs/*", "psi4", "1.5", "psi4")

    for is_reached in (
        lambda: (made[100] / record.NAME).exists(),
        lambda: any(_has_job(place) for place in made),
    ):
        command = [BIN / "LGI_task", *words]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, env=environment) as killed:
            wait_for(lambda: is_reached() or killed.poll() is not None)  # noqa: B023 - called at once
            killed.kill()
    _, out, err = task(*words)

    assert out.startswith("Submitted ")
    assert err.count("it was submitted before") == len(err.splitlines()) > 0
    assert jobs(grid) == 300
    assert all(_has_job(place) for place in made)
    assert list(temporary.iterdir()) == []


def _has_job(place: Path) -> bool:
    try:
        found = record.read(place)
    except record.RecordError:
        return False
    return found is not None and found.job_id > 0
