"""The tries of a job that were followed by others, as JSON."""

from collections.abc import Callable, Mapping

from lgi_protocol import comma_lists, hexcode, job_end, job_usage, xml
from lgi_protocol.reply import Reply, leading_number
from lgi_tools.cli.output_json import Values


def fetch(call: Callable[[str, dict[str, str]], Reply], job_id: int) -> list[Values]:
    """Return the tries of a job, the first one first; ``call`` makes a call of ``interfaces/interface_...``.

    Each has number, end, ended, target_resources and output, and what is known of started, exit_code,
    exit_signal and of what it has used.
    """
    return read(call("job_history", {"job_id": str(job_id), "show": "tries"}))


def read(reply: Reply) -> list[Values]:
    """Return the tries in the history of a job."""
    return [_try(number, text) for number, text in enumerate(reply.all("try"), 1)]


def _try(number: int, text: str) -> Values:
    end = job_end.read_end(text)
    texts = xml.values(text, "state", "started", "ended", "target_resources", "output", *job_usage.FIELDS)
    values: Values = {"number": number, "end": end.text(texts["state"])}
    values |= {"ended": leading_number(texts["ended"])}
    values |= {"target_resources": list(comma_lists.split(texts["target_resources"]))}
    return values | {"output": _output(texts["output"])} | _known(texts, end)


def _known(texts: Mapping[str, str], end: job_end.End) -> Values:
    """Return what a server need not know of a try, or an older one does not tell."""
    started = leading_number(texts["started"]) if texts["started"] else None
    more = {"started": started, "exit_code": end.exit_code, "exit_signal": end.exit_signal}
    more |= vars(job_usage.usage_of(texts))
    return {name: value for name, value in more.items() if value is not None}


def _output(digits: str) -> str:
    """Return the end of a try's output, as far as it is text."""
    try:
        return hexcode.decode(digits).decode("utf-8", "replace")
    except ValueError:
        return ""
