"""The text output of a server's answers: labels in column 22, times in the local time zone."""

import time
from collections.abc import Sequence

from lgi_protocol import hexcode, xml
from lgi_protocol.reply import Reply, leading_number, signed_number
from lgi_tools.cli import terminal
from lgi_tools.client.hold import read_holds
from lgi_tools.client.job import read_job
from lgi_tools.client.job_end import JobEnd
from lgi_tools.client.label_elements import read_label_elements
from lgi_tools.client.stored_file import file_name
from lgi_tools.client.text import one_line


def line(label: str, value: str) -> str:
    """Return a line with a label."""
    return f"{label:<22}: {terminal.value(value)}\n"


def date(text: str) -> str:
    """Return a time stamp (Unix time as text) as 24 characters of local time; ``?`` for one out of range."""
    try:
        return time.ctime(leading_number(text))
    except (OverflowError, OSError, ValueError):
        return "?"


def date_and_number(text: str) -> str:
    """Return a time stamp as date and number: ``Fri Oct 12 00:00:01 2012 [1350000001]``."""
    return f"{date(text)} [{leading_number(text)}]"


def project_lines(reply: Reply) -> str:
    """Return the lines with the project and server of an answer."""
    return (
        line("This project", reply.value("project"))
        + line("This project server", reply.value("this_project_server"))
        + line("Project master server", reply.value("project_master_server"))
    )


def job_lines(reply: Reply, write_first: bool) -> str:
    """Return the lines with the caller and job of an answer; read or write access comes first."""
    access = ["Read access on job", "Write access on job"]
    lines = project_lines(reply) + line("User", reply.value("user")) + line("Groups", reply.value("groups"))
    for label, name in (
        ("Job id", "job_id"),
        ("Job state", "state"),
        ("Job application", "application"),
        ("Job specifics", "job_specifics"),
        ("Target resources", "target_resources"),
        ("Job owners", "owners"),
    ):
        lines += line(label, reply.value("job", name))
    for label in reversed(access) if write_first else access:
        lines += line(label, reply.value("job", label.partition(" ")[0].lower() + "_access"))
    return lines + line("Time stamp", date_and_number(reply.value("job", "state_time_stamp")))


def end_lines(text: str) -> str:
    """Return the lines with the end of the job in a ``<job>``; empty while it has not ended."""
    end = JobEnd.of(text)
    if end.outcome is None:
        return ""
    lines = {"Job end": end.cause, "Reason of its end": end.reason}
    if kept := xml.value(text, "kept_until"):
        lines["Deleted after"] = date_and_number(kept)
    if fetched := xml.value(text, "fetched"):
        lines["Results fetched"] = f"{date_and_number(fetched)} by {xml.value(text, 'fetched_by')}"
    return "".join(line(label, value) for label, value in lines.items() if value)


def usage_lines(text: str) -> str:
    """Return the lines with what the job in a ``<job>`` has used; empty for what is not known."""
    used = read_job(text).shown_usage
    return "".join(line(f"{name.capitalize()} used", value) for name, value in used.items())


def label_lines(text: str) -> str:
    """Return the lines with the name, labels and array of the job in a ``<job>``; empty for one without."""
    lines = [("Job name", name)] if (name := xml.value(text, "job_name")) else []
    lines += [("Job label", f"{key}={value}") for key, value in read_label_elements(text).items()]
    if array := xml.value(text, "array_id"):
        lines.append(("Job array", f"{array}[{xml.value(text, 'array_index')}]"))
    return "".join(line(label, value) for label, value in lines)


def queue_lines(text: str) -> str:
    """Return the lines for what decides when the job in a ``<job>`` is given out, and its holds."""
    priority = signed_number(xml.value(text, "priority"))
    first = line("Job priority", f"{priority} among the jobs of its user") if priority else ""
    if group := xml.value(text, "urgent"):
        first += line("Job urgent", f"before all other jobs, for {group}")
    if deadline := xml.value(text, "deadline"):
        first += line("Job deadline", date_and_number(deadline))
    return first + "".join(
        line("Job held", f"by {one.summary}, since {one.since:%c}") for one in read_holds(text)
    )


def data_line(label: str, reply: Reply, name: str) -> bytes:
    """Return the input or output of a job as unchanged bytes."""
    value = reply.value("job", name)
    try:
        data = hexcode.decode(value)
    except ValueError:
        data = b"(the server sent no hexadecimal digits)"
    return f"{label:<22}: ".encode() + data + b"\n"


def repository_line(reply: Reply) -> str:
    """Return the names of the files in a job's repository, empty when it has none."""
    found = xml.find(reply.content, "job", "repository_content")
    names = [one_line(file_name(file.inside)) for file in xml.find_all(found.inside, "file")] if found else []
    return line("Repository content", ", ".join(names)) if names else ""


def licence_lines(found: Sequence[str]) -> str:
    """Return the lines with the licences of a project, empty when it has none."""
    texts = [
        f"{xml.value(text, 'name')}, {xml.value(text, 'used')} of {xml.value(text, 'total')} in use"
        for text in found
    ]
    return "".join(("\n", *(line("Licence", text) for text in texts))) if texts else ""
