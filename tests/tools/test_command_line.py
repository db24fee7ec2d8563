"""A command line as a job of `command`."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lgi_tools.client import command_line
from lgi_tools.task import submission

WORDS = st.lists(st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0")), max_size=5)


@settings(max_examples=30, deadline=None)
@given(words=WORDS)
def test_no_word_is_read_by_a_shell(words: list[str]) -> None:
    """Blanks, quotes, dollars, line ends: each argument arrives as it was typed."""
    code = "import json, os, sys; print(json.dumps([list(os.fsencode(word)) for word in sys.argv[1:]]))"
    line = command_line.of_words([sys.executable, "-c", code, *words])

    ran = subprocess.run(["/bin/sh", "-c", line.input], capture_output=True, check=True, encoding="utf-8")

    assert [bytes(word) for word in json.loads(ran.stdout)] == [word.encode() for word in words]


@pytest.mark.parametrize("words", [[], [""]])
def test_a_command_line_without_a_program_is_refused(words: list[str]) -> None:
    """For jobs of LGI_run and of folders."""
    with pytest.raises(ValueError, match="has no program"):
        command_line.of_words(words)
    with pytest.raises(ValueError, match="has no program"):
        submission.script_of(words)


def test_a_program_with_a_relative_path_goes_along() -> None:
    """It runs under its own name where the job is, and is made executable there."""
    Path("sub").mkdir()
    Path("sub/my script.sh").write_text("#!/bin/sh\necho got $#\n")
    Path("there").mkdir()

    line = command_line.of_words(["sub/my script.sh", "a b", "c"])

    assert line.files == (Path("sub/my script.sh"),)
    Path("there/my script.sh").write_bytes(line.files[0].read_bytes())
    ran = subprocess.run(["/bin/sh", "-c", line.input], capture_output=True, cwd="there", check=True)
    assert ran.stdout == b"got 2\n"


@pytest.mark.parametrize("output", ["", "out", "it's", "null"])
@pytest.mark.parametrize("errors", ["", "err", "it's", "a b", "$(x)", '"', "null"])
def test_the_file_of_the_standard_error_is_read_from_the_script(output: str, errors: str) -> None:
    """As it was given; the command itself may look like that."""
    line = command_line.of_words(["true", "2>", "other"], output=output, errors=errors)

    assert command_line.error_file(line.input) == errors


@pytest.mark.parametrize("script", [b"", b"exec", b"exec 2>&1", b"exec > a; id 2> x", b"exec > 'a", b"\xff"])
def test_another_script_has_no_file_of_the_standard_error(script: bytes) -> None:
    """Anybody may have written it."""
    assert command_line.error_file(script) == ""


def test_a_word_may_be_longer_than_a_name_and_no_utf8() -> None:
    """It may be too long for a file name; its bytes arrive unchanged."""
    words = ["sh", "-c", f"printf '%s' \"$1\"; : {'x' * 60_000}", "sh", "caf\udce9\udcff"]

    line = command_line.of_words(words)

    ran = subprocess.run(["/bin/sh", "-s"], input=line.input, capture_output=True, check=True)
    assert ran.stdout == b"caf\xe9\xff"


@pytest.mark.parametrize(
    ("text", "flaw"),
    [
        (b"#!/bin/sh\r\necho\r\n", "has Windows line ends"),
        (b"\xef\xbb\xbf#!/bin/sh\n", "begins with a byte order mark"),
        ("\ufeff#!/bin/sh\n".encode("utf-16-le"), "is encoded in UTF-16"),
        (b"#!/bin/sh\necho 'a\r'\n", ""),
        (b"\x7fELF\0\r\n", ""),
        (b"", ""),
    ],
)
def test_a_flaw_that_keeps_a_script_from_starting_is_known(text: bytes, flaw: str) -> None:
    """Only the program is checked; line ends of data files do not matter."""
    Path("run.sh").write_bytes(text)

    assert command_line.of_words(["cat"], ["run.sh"]).flaw == ""
    assert (flaw or "!") in (command_line.of_words(["./run.sh"]).flaw or "!")


@pytest.mark.parametrize("program", ["python3", "/bin/echo"])
def test_any_other_program_is_one_of_the_resource(program: str) -> None:
    """A local file of the same name is not sent."""
    Path("python3").write_text("")

    line = command_line.of_words([program, "x"], ["python3"])

    assert line.files == (Path("python3"),)
    assert line.input == f"#!/bin/sh\nexec {program} x\n".encode()


def test_a_file_is_sent_once() -> None:
    """It may be named twice, by different paths."""
    Path("run.sh").write_text("")

    assert command_line.of_words(["./run.sh"], ["run.sh"]).files == (Path("run.sh"),)


def test_words_that_name_files_here_are_known() -> None:
    """The job will not have these files, of which the user is warned."""
    for name in ("data", "sent"):
        Path(name).write_text("")

    assert command_line.of_words(["cat", "data", "sent", "-n"], ["sent"]).left_here == ("data",)


@pytest.mark.parametrize(
    ("output", "errors", "printed", "made"),
    [
        ("o $x", "e", "", {"o $x": "1\n3\n", "e": "2\n"}),
        ("both", "both", "", {"both": "1\n2\n3\n"}),
        ("null", "", "", {}),
        ("", "null", "1\n3\n", {}),
        ("o", "null", "", {"o": "1\n3\n"}),
        ("null", "null", "", {}),
    ],
)
def test_streams_go_where_they_are_wanted(
    output: str, errors: str, printed: str, made: dict[str, str]
) -> None:
    """Into files where the job runs, or nowhere; in one file they stand as they were written."""
    line = command_line.of_words(["sh", "-c", "echo 1; echo 2 >&2; echo 3"], (), output, errors)
    there = Path("there")
    there.mkdir()

    ran = subprocess.run(
        ["/bin/sh", "-c", line.input], capture_output=True, cwd=there, check=True, encoding="utf-8"
    )

    assert ran.stdout == printed
    assert ran.stderr == ("" if errors else "2\n")
    assert {path.name: path.read_text() for path in there.iterdir()} == made


@pytest.mark.parametrize(
    "name",
    ["x" * 256, "caf\udce9", "sub/out", "/tmp/out", "..", ".", "LGI_output", ".LGI_x", "joblog.txt", "a\nb"],
)
def test_a_stream_goes_into_a_file_of_the_jobs_directory(name: str) -> None:
    """Nothing else comes back from there, and LGI's own files stay as they are."""
    for streams in ((name, ""), ("", name)):
        with pytest.raises(ValueError, match="not a valid file for a stream"):
            command_line.of_words(["x"], (), *streams)


@pytest.mark.parametrize(
    ("words", "files", "fault"),
    [
        (["./nothing"], [], "nothing does not exist"),
        (["cat"], ["nothing"], "nothing does not exist"),
        (["cat"], ["sub"], "sub does not exist or is not a regular file"),
        (["./" + "x" * 300], [], r"^xxx.*x\.\.\. does not exist"),
        (["cat"], ["x" * 100_000], r"^x{200}\.\.\. does not exist"),
        (["cat"], ["caf\udce9"], "its name is not UTF-8"),
        (["cat"], ["joblog.txt"], "the job's own output is stored under that name"),
        (["cat"], ["LGI_input"], "are reserved"),
        (["cat"], [".LGI_x"], "are reserved"),
        (["cat"], ["a", "sub/a"], "several files have the name 'a'"),
    ],
)
def test_a_file_that_cannot_go_along_is_refused(words: list[str], files: list[str], fault: str) -> None:
    """ValueError names the file and the reason, before anything is sent."""
    Path("sub").mkdir()
    for name in ("LGI_input", ".LGI_x", "a", "sub/a", "caf\udce9", "joblog.txt"):
        Path(name).write_text("")

    with pytest.raises(ValueError, match=fault):
        command_line.of_words(words, files)


@pytest.mark.parametrize(
    ("text", "amount"), [("2000", 2000), ("500M", 500), ("2g", 2048), ("1 GB", 1024), ("1T", 1024**2)]
)
def test_memory_is_in_megabytes(text: str, amount: int) -> None:
    """An amount may have a unit behind it."""
    assert command_line.memory(text) == amount


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ("90", 90),
        ("90s", 90),
        ("5m", 300),
        ("2h", 7200),
        ("1d", 86400),
        ("01:30:00", 5400),
        ("100:00:01", 360001),
    ],
)
def test_time_is_in_seconds(text: str, amount: int) -> None:
    """A unit may follow, or it is hours, minutes and seconds."""
    assert command_line.seconds(text) == amount


@pytest.mark.parametrize("text", ["", "0", "-1", "x", "1.5", "2 weeks", "1:2", "00:00:00", "٣", "1" * 20])
def test_an_invalid_amount_is_refused(text: str) -> None:
    """The message has the text and the format."""
    for read in (command_line.memory, command_line.seconds):
        with pytest.raises(ValueError, match="write"):
            read(text)


def test_resources_are_counted() -> None:
    """One unless a number is given; named twice they add up."""
    assert command_line.licences(["genus", "3d+=4", "genus=2"]) == {"genus": 3, "3d+": 4}


@pytest.mark.parametrize("word", ["", "=1", "a=", "a=0", "a=-1", "a=x", "a b", "a=1=2", "a,b", "<a>"])
def test_an_invalid_licence_is_refused(word: str) -> None:
    """ValueError says how to write NAME and number."""
    with pytest.raises(ValueError, match="write NAME"):
        command_line.licences([word])


def test_a_command_line_that_no_server_takes_is_refused_here() -> None:
    """The message says what is too long, and where it can stand instead."""
    with pytest.raises(
        ValueError, match=r"the command line is too long: 70\d{3} bytes .* send it with -f FILE"
    ):
        command_line.of_words(["echo", "x" * 70_000])
