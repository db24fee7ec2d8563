"""LGI_xml, LGI_csv, LGI_hash, LGI_binhex and LGI_hexbin, as scripts call them."""

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lgi_protocol.digest import digest
from lgi_tools.filters import csv_filter, streams
from lgi_tools.filters.streams import InputError, Streams
from tests.support.grid import BIN

LISTING = """<repository_content> <file number="1"> <file_name> a &amp; b </file_name> </file>
<file number="2"> <file_name> ü\xa0 </file_name> <size> 7 </size> </file> </repository_content>"""


def run(*words: str, text: str | bytes = b"", cwd: Path | None = None) -> tuple[int, bytes, bytes]:
    """A filter's exit code, output and errors."""
    data = text.encode() if isinstance(text, str) else text
    done = subprocess.run(
        [BIN / words[0], *words[1:]], input=data, cwd=cwd, capture_output=True, timeout=60, check=False
    )
    return done.returncode, done.stdout, done.stderr


def test_the_text_of_an_element_is_printed() -> None:
    """It is that of the first element of the name at the top level, unescaped and trimmed."""
    _, file, _ = run("LGI_xml", "repository_content", text=LISTING)
    code, name, _ = run("LGI_xml", "file", text=file)

    assert (code, name) == (0, b"<file_name> a &amp; b </file_name>\n")
    assert run("LGI_xml", "file_name", text=name)[1] == b"a & b\n"
    assert run("LGI_xml", "file_name", text=LISTING) == (1, b"", b"")
    assert run("LGI_xml", "a", text="<a> </a> <a> 1 </a>") == (1, b"", b"")


def test_an_element_is_chosen_by_its_attributes() -> None:
    """Whole and as written; several words are joined with commas. Every byte of the content stays."""
    inside = run("LGI_xml", "repository_content", text=LISTING)[1]

    second = run("LGI_xml", "file", 'number="2"', text=inside)[1]

    assert run("LGI_xml", "file_name", text=second)[1] == "ü\xa0\n".encode()
    assert run("LGI_xml", "file", 'number="3"', text=inside) == (1, b"", b"")
    assert run("LGI_xml", "a", "b", "c", text="<a> 1 </a> <a b,c> 2 </a>")[1] == b"2\n"
    assert run("LGI_xml", "a", text=b"<a> \xc3\xa0\xff </a>")[1] == b"\xc3\xa0\xff\n"


@pytest.mark.parametrize(
    "text", ["x <!-- never <a> 1 </a>", "<a", "<!-- -->", "<", "<!DOCTYPE a> <a> 1 </a>", ""]
)
def test_no_text_holds_a_filter_up(text: str) -> None:
    """LGI's own looked for the end of a comment for ever."""
    code, out, err = run("LGI_xml", "a", text=text)

    assert (code, out) == (1, b"")
    assert err.count(b"\n") <= 1


@pytest.mark.parametrize(
    ("words", "out"),
    [
        (("a, b ,c",), "a\nb\nc\n"),
        (("-n", "a, b ,c"), "3\n"),
        (("-l", "a,b"), "a\nb\n"),
        (("-e", "2", "a,b"), "b\n"),
        (("-e", "3", "a,b"), ""),
        (("-nl", "a,b"), "2\na\nb\n"),
        (("-nle", "1", "a,b"), "2\na\nb\na\n"),
        (("-s", ";:", "a,b;c"), "a,b\nc\n"),
        (("a,", "b"), "a\nb\n"),
        (("-s", ";", "-1;-2"), "-1\n-2\n"),
        ((",,",), ""),
    ],
)
def test_a_list_is_taken_apart(words: tuple[str, ...], out: str) -> None:
    """How many, all of them, one of them."""
    assert run("LGI_csv", *words) == (0, out.encode(), b"")


def test_a_list_is_read_when_none_is_given() -> None:
    """It comes from standard input."""
    assert run("LGI_csv", "-n", text="a\n,b\n") == (0, b"2\n", b"")


@pytest.mark.parametrize(
    ("text", "values"), [("a,,b,c", "a c b"), (",a", "a"), (",,a,b", "b a"), (" , ,", ""), ("a,,", "a")]
)
def test_the_last_value_fills_a_hole(text: str, values: str) -> None:
    """As LGI: the last value is moved into an empty place of the list."""
    assert b" ".join(csv_filter.split(text.encode(), b",")).decode() == values


def test_the_digest_is_that_of_a_jobs_files() -> None:
    """A line end follows; empty input gives only that."""
    assert run("LGI_hash", text="content") == (0, f"{digest(b'content')}\n".encode(), b"")
    assert run("LGI_hash") == (0, b"\n", b"")


def test_digits_stand_for_bytes_and_back(tmp_path: Path) -> None:
    """Upper-case and without a line end; white space anywhere is no harm, more than one block neither."""
    data = os.urandom(100_001)
    (tmp_path / "data").write_bytes(data)

    _, digits, _ = run("LGI_binhex", "-i", "data", cwd=tmp_path)
    lines = b"  " + b"\n".join(digits[at : at + 61] for at in range(0, len(digits), 61)).lower() + b"\r\n"
    code, _, _ = run("LGI_hexbin", "-o", "back", text=lines, cwd=tmp_path)

    assert digits == data.hex().upper().encode()
    assert (code, (tmp_path / "back").read_bytes()) == (0, data)


@pytest.mark.parametrize(("text", "out"), [("41zz42", b"A"), ("41 4", b"A"), ("g", b"")])
def test_a_text_that_is_not_hexadecimal_is_a_failure(text: str, out: bytes) -> None:
    """The valid part before it is printed; LGI reported no error."""
    code, printed, err = run("LGI_hexbin", text=text)

    assert (code, printed) == (1, out)
    assert b"hexadecimal" in err


@given(st.binary(max_size=300), st.integers(1, 70))
def test_any_bytes_come_back(data: bytes, block: int) -> None:
    """They do not depend on the pieces in which the digits arrive."""
    from lgi_tools.filters import hex_filters

    class Pieces(streams.Streams):
        def blocks(self):  # type: ignore[no-untyped-def]
            text = data.hex().encode()
            return (text[at : at + block] for at in range(0, len(text), block))

        def write(self, data: bytes) -> None:
            written.append(data)

    written: list[bytes] = []

    assert hex_filters.to_bytes([], Pieces()) == 0
    assert b"".join(written) == data


def test_input_that_cannot_be_read_is_reported_on_the_output(tmp_path: Path) -> None:
    """As LGI, since scripts read the output; standard error has the reason."""
    code, out, err = run("LGI_xml", "-i", "missing", "a", cwd=tmp_path)

    assert (code, out) == (1, b"input error on file missing\n")
    assert err == b"LGI_xml: missing: No such file or directory\n"


def test_output_that_is_appended_to_is_kept(tmp_path: Path) -> None:
    """LGI truncated the file of standard output; a file of -o is created again."""
    (tmp_path / "out").write_text("before\n")
    with (tmp_path / "out").open("ab") as out:
        subprocess.run([BIN / "LGI_csv", "a"], stdout=out, check=True, timeout=60)
    (tmp_path / "o").write_text("before\n")

    nothing = run("LGI_xml", "-o", "o", "a", cwd=tmp_path)

    assert (tmp_path / "out").read_text() == "before\na\n"
    assert (nothing[0], (tmp_path / "o").read_text()) == (1, "")


def test_a_file_is_not_read_into_itself(tmp_path: Path) -> None:
    """It would be empty before it is read."""
    (tmp_path / "f").write_text("41")

    code, _, err = run("LGI_hexbin", "-i", "f", "-o", "f", cwd=tmp_path)

    assert code == 1
    assert b"f cannot be both input and output" in err
    assert (tmp_path / "f").read_text() == "41"


@pytest.mark.parametrize(
    ("words", "code"),
    [(("LGI_xml", "-h"), 0), (("LGI_csv", "-h"), 0), (("LGI_hash", "-h"), 1), (("LGI_hexbin", "x"), 1)],
)
def test_the_help_is_shown(words: tuple[str, ...], code: int) -> None:
    """As LGI: hash, binhex and hexbin show it for any word, with exit code 1."""
    done = run(*words)

    assert done[0] == code
    assert done[1].startswith(f"Usage: {words[0]} ".encode())


@pytest.mark.parametrize(
    "words",
    [("LGI_csv", "-e", "0", "a"), ("LGI_csv", "-nle"), ("LGI_xml",), ("LGI_hash", "-i"), ("LGI_csv", "-s")],
)
def test_a_wrong_command_line_of_a_filter_is_explained(words: tuple[str, ...]) -> None:
    """One line, exit code 1."""
    code, out, err = run(*words, text="a")

    assert (code, out) == (1, b"")
    assert err.startswith(f"{words[0]}: ".encode())
    assert err.count(b"\n") == 1


def test_a_terminal_is_not_waited_for() -> None:
    """A script that is tried by hand must not hang at a filter without input."""
    ours, theirs = pty.openpty()
    try:
        done = subprocess.run(
            [BIN / "LGI_xml", "a"], stdin=theirs, capture_output=True, timeout=60, check=False
        )
    finally:
        os.close(ours)
        os.close(theirs)

    assert (done.returncode, done.stdout) == (1, b"")
    assert b"nothing to read: give -i FILE" in done.stderr


def test_input_has_a_bound() -> None:
    """/dev/zero would fill the memory."""
    with pytest.raises(InputError, match="the input is longer than 1000 bytes"):
        csv_filter.work(["-i", "/dev/zero"], Streams(max_bytes=1000))


def test_a_reader_that_goes_is_no_fault() -> None:
    """There is no traceback in ``LGI_hexbin

    head``.
    """
    with subprocess.Popen(
        [BIN / "LGI_binhex", "-i", "/dev/zero"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as started:
        assert started.stdout is not None
        assert started.stderr is not None
        started.stdout.read(10)
        started.stdout.close()
        assert started.stderr.read() == b""
        assert started.wait(60) == 1


def test_a_reader_that_does_not_read_the_help_is_no_fault() -> None:
    """The same for what -h prints."""
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [BIN / "LGI_csv", "-h"], stdout=writing, stderr=subprocess.PIPE, timeout=60, check=False
    )
    os.close(writing)

    assert (done.returncode, done.stderr) == (1, b"")


@pytest.mark.parametrize("module", ["xml_filter", "csv_filter", "hex_filters"])
def test_a_filter_starts_without_anything_large(module: str) -> None:
    """Scripts start dozens of them: what they import is the time they take."""
    large = "{'click', 'lxml', 'requests', 'dataclasses', 'typing', 'inspect', 'ssl'}"
    program = f"import sys, lgi_tools.filters.{module}; print(sorted({large} & set(sys.modules)))"

    done = subprocess.run(
        [sys.executable, "-S", "-c", program],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert (done.stdout, done.stderr) == ("[]\n", "")
