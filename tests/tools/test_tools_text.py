"""The layouts that scripts read, to the blank."""

import pytest

from lgi_protocol.reply import Reply
from lgi_tools.cli import output_text
from lgi_tools.cli.terminal import printable
from lgi_tools.commands import qstat_list

JOB = (
    "<project> LGI </project> <project_master_server> https://m/LGI </project_master_server> "
    "<this_project_server> https://t/LGI </this_project_server> <user> mark </user> <groups> theor </groups> "
    "<job> <job_id> 7 </job_id> <target_resources> any </target_resources> <owners> mark, theor </owners> "
    "<application> hello_world </application> <state> queued </state> "
    "<state_time_stamp> 1350000001 </state_time_stamp> <repository_content> "
    '<file number="1"> <file_name> a&amp;b </file_name> <size> 1 </size> <date> 1350000000.5 </date> </file> '
    '<file number="2"> <file_name> c </file_name> <size> 2 </size> <date> 1350000000 </date> </file> '
    "<number_of_files> 2 </number_of_files> </repository_content> "
    "<input> 6869 </input> <output> 00FF </output> "
    "<read_access> admin, mark </read_access> <write_access> admin </write_access> "
    "<job_specifics> <a> 1 </a> </job_specifics> </job>"
)


def test_a_job_is_shown_with_labels_in_column_22() -> None:
    """Read access comes before write access after a submit."""
    text = output_text.job_lines(Reply(JOB), write_first=False)

    assert text == (
        "This project          : LGI\n"
        "This project server   : https://t/LGI\n"
        "Project master server : https://m/LGI\n"
        "User                  : mark\n"
        "Groups                : theor\n"
        "Job id                : 7\n"
        "Job state             : queued\n"
        "Job application       : hello_world\n"
        "Job specifics         : <a> 1 </a>\n"
        "Target resources      : any\n"
        "Job owners            : mark, theor\n"
        "Read access on job    : admin, mark\n"
        "Write access on job   : admin\n"
        "Time stamp            : Fri Oct 12 00:00:01 2012 [1350000001]\n"
    )


def test_qstat_shows_write_access_first() -> None:
    """As LGI: the two tools differ in this."""
    lines = output_text.job_lines(Reply(JOB), write_first=True).splitlines()

    assert lines[11:13] == ["Write access on job   : admin", "Read access on job    : admin, mark"]


def test_input_and_output_are_shown_as_they_are() -> None:
    """Their bytes are decoded and nothing else."""
    assert output_text.data_line("Input", Reply(JOB), "input") == b"Input                 : hi\n"
    assert output_text.data_line("Output", Reply(JOB), "output") == b"Output                : \x00\xff\n"


def test_the_files_of_a_job_are_one_line() -> None:
    """No line when there are none."""
    assert output_text.repository_line(Reply(JOB)) == "Repository content    : a&b, c\n"
    assert output_text.repository_line(Reply("<job> <job_id> 1 </job_id> </job>")) == ""


@pytest.mark.parametrize(
    ("stamp", "text"),
    [
        ("1350000001", "Fri Oct 12 00:00:01 2012 [1350000001]"),
        ("1349395200.5", "Fri Oct  5 00:00:00 2012 [1349395200]"),
        ("", "Thu Jan  1 00:00:00 1970 [0]"),
        ("4102444800", "Fri Jan  1 00:00:00 2100 [4102444800]"),
        ("9" * 30, f"? [{'9' * 30}]"),
    ],
)
def test_times_are_local_with_the_number_behind(stamp: str, text: str) -> None:
    """24 characters as C's ctime writes them, also past 2038; an impossible time is no crash."""
    assert output_text.date_and_number(stamp) == text


def test_a_row_of_the_list_has_fixed_widths() -> None:
    """Right-aligned columns; what is too long overflows."""
    cells = ("1", "42", "queued", "any", "hello_world", "Fri Oct 12 00:00:01 2012", "mark@laptop, theor")

    text = qstat_list.row(cells)

    assert text == (
        "    1 |     42 |       queued |                                  any |      hello_world | "
        "Fri Oct 12 00:00:01 2012 | mark@laptop, theor\n"
    )


def test_control_characters_do_not_reach_a_terminal() -> None:
    """Escape sequences in names are shown, not obeyed; line ends and tabs stay."""
    assert printable("a\x1b[2Jb\x9b\x07\r\n\tü") == "a\\x1b[2Jb\\x9b\\x07\\x0d\n\tü"
