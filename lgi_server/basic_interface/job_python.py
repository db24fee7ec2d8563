"""The Python that submits a job, or an array, as it is described."""

from collections.abc import Iterator

from lgi_server.basic_interface.job_commands import INPUT_FILE, directory_of
from lgi_server.basic_interface.job_description import ArrayDescription, JobDescription


def python(job: JobDescription) -> str:
    """Return the program; a long input, or one that is no text, is read from a file."""
    project = f"Project(groups={list(job.groups)!r})" if job.groups else "Project()"
    fetch = _fetch(job) if job.like >= 0 else ""
    if job.array:
        return _array(job, job.array, project, fetch)
    call = ",\n    ".join([repr(job.application), *_arguments(job), *_plan(job)])
    begin = f"from lgi_tools import Project\n\nproject = {project}{fetch}\n"
    return f"{_paths(job)}{begin}job = project.submit(\n    {call},\n)"


def _paths(job: JobDescription) -> str:
    return "from pathlib import Path\n\n" if job.like >= 0 else ""


def _fetch(job: JobDescription) -> str:
    """Return the statements that fetch the files of another job."""
    directory = directory_of(job.like)
    return (
        f'\nPath("{directory}").mkdir(exist_ok=True)\nstored = project.files({job.like})\n'
        f'paths = [stored.download(one.name, "{directory}") for one in stored.list()]'
    )


def _array(job: JobDescription, array: ArrayDescription, project: str, fetch: str) -> str:
    """Return the program that submits each element with its values in input and labels."""
    plan = list(_plan(job))
    dimensions = []
    if array.numbers:
        dimensions.append(f"array_elements.numbers({array.numbers!r})")
    if array.lines:
        dimensions.append(f'array_elements.lines("the lines", {array.lines!r})')
    arguments = [repr(job.application), *_arguments(job)]
    if plan:
        arguments.append(f"plan=JobPlan({', '.join(plan)})")
    request = ",\n        ".join(arguments)
    plans = "from lgi_tools.client.job_plan import JobPlan\n" if plan else ""
    at_most = f", at_most={array.at_most}" if array.at_most else ""
    return (
        f"{_paths(job)}from lgi_protocol import array_elements\n"
        f"from lgi_tools import JobRequest, Project\n{plans}\nproject = {project}{fetch}\n"
        f"dimensions = [{', '.join(dimensions)}]\n"
        "requests = {\n    one.index: JobRequest(\n"
        f"        {request},\n    )\n    for one in array_elements.elements(dimensions)\n}}\n"
        f"project.submit_array(requests{at_most})"
    )


def _written(job: JobDescription, text: str) -> str:
    """Return a text as an expression, in an array with the values of its element."""
    return f"one.written({text!r})" if job.array and "{" in text else repr(text)


def _arguments(job: JobDescription) -> Iterator[str]:
    if job.input:
        text = job.input_text
        read = f'open("{INPUT_FILE}", "rb").read()'
        yield f"input={read if text is None else _written(job, text)}"
    if job.like >= 0:
        yield f"files=[{', '.join(['*paths', *map(repr, job.files)])}]"
    elif job.files:
        yield f"files={list(job.files)!r}"
    if job.has_targets:
        yield f"targets={list(job.targets)!r}"
    if job.specifics:
        yield f"specifics={job.specifics!r}"
    for name, names in (("read_access", job.read_access), ("write_access", job.write_access)):
        if names:
            yield f"{name}={list(names)!r}"
    if job.job_name:
        yield f"name={job.job_name!r}"
    if labels := job.label_values:
        pairs = ", ".join(f"{_written(job, key)}: {_written(job, value)}" for key, value in labels.items())
        yield f"labels={{{pairs}}}"


def _plan(job: JobDescription) -> Iterator[str]:
    plan = job.plan
    said: dict[str, object] = {
        "hold": plan.hold,
        "after": job.after,
        "after_any": job.after_any,
        "keep_after_failure": plan.keep,
        "retries": plan.retries,
        "retry_on": plan.retry_on,
        "backoff": job.backoff,
        "priority": plan.priority,
        "deadline": plan.deadline,
        "urgent": plan.urgent,
        "not_on": plan.not_on,
        "notify": plan.notify.events if plan.notify else (),
        "mail": plan.notify.mail if plan.notify else "",
        "webhook": plan.notify.webhook if plan.notify else "",
    }
    yield from (f"{name}={value!r}" for name, value in said.items() if value)
