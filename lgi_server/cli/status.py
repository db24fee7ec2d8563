"""The output of `LGI_server status`: the metrics of a running server as text."""

import time
from collections import defaultdict
from collections.abc import Iterator, Sequence

import requests
from prometheus_client.openmetrics.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from lgi_protocol.client import Client
from lgi_protocol.errors import LGIError
from lgi_protocol.job_end import Result
from lgi_protocol.transport_errors import root_cause
from lgi_server.cli import front_ends
from lgi_server.cli.front_ends import FrontEnd
from lgi_server.config.model import Config
from lgi_server.services.project import peers

TIMEOUT = 30
# What each server counts by itself.
_OF_SERVER = ("lgi_call", "lgi_held_requests", "lgi_jobs_ended", "lgi_jobs_offered", "lgi_pages")


class UnknownStatusError(Exception):
    """The metrics could not be fetched; the message says why."""


def report(config: Config) -> str:
    """Return the metrics of all running servers, fetched with their own certificate; UnknownStatusError."""
    texts: list[str] = []
    servers: list[str] = []
    for one in front_ends.by_heartbeat(config):
        line, text = _of_server(config, one)
        servers.append(line)
        texts += [text] if text else []
    if not texts:
        # Behind a web server, or with the database away: what the URL leads to.
        texts = [_fetch(config)]
    return "\n".join((config.url, *servers, *_lines(list(_merged(texts)))))


def _of_server(config: Config, one: FrontEnd) -> tuple[str, str]:
    """Return a line about a server, and its metrics if it answers."""
    name = f"server on {one.host}, {one.listen}"
    if not one.is_up:
        return f"{name}: down, its last heartbeat was {one.silence} s ago", ""
    try:
        return f"{name}: up", front_ends.metrics(config, one)
    except (LGIError, OSError, ValueError) as error:
        return f"{name}: its heartbeat is {one.silence} s old, but it does not answer: {error}", ""


def _merged(texts: Sequence[str]) -> Iterator[Sample]:
    """Yield the counters of all servers, and what they know of the database from one of them."""
    for number, text in enumerate(texts):
        for sample in _samples(text):
            if number == 0 or sample.name.startswith(_OF_SERVER):
                yield sample


def _fetch(config: Config) -> str:
    address = f"{config.url}/metrics"
    try:
        answer = Client(config.url, peers.credentials(config)).session.get(address, timeout=TIMEOUT)
    except LGIError as error:
        raise UnknownStatusError(str(error)) from None
    except requests.RequestException as error:
        raise UnknownStatusError(f"{address} does not answer: {root_cause(error)}") from None
    if not answer.ok:
        raise UnknownStatusError(f"{address} answers {answer.status_code}: {answer.text[:300]}")
    return answer.text


def _samples(text: str) -> Iterator[Sample]:
    for family in text_string_to_metric_families(text):  # type: ignore[no-untyped-call]
        yield from family.samples


def _lines(samples: list[Sample]) -> Iterator[str]:
    values: dict[str, list[Sample]] = defaultdict(list)
    for sample in samples:
        values[sample.name].append(sample)
    for up in values["lgi_database_up"]:
        yield from _project(up, values)
    yield f"{'calls':32}{'answered':>10}{'refused':>10}{'mean ms':>10}"
    for call in sorted({sample.labels["call"] for sample in values["lgi_calls_total"]}):
        yield _call(call, values)
    held = sum(sample.value for sample in values["lgi_held_requests"])
    yield f"{held:.0f} calls wait now"


def _project(up: Sample, values: dict[str, list[Sample]]) -> Iterator[str]:
    name = up.labels["project"]

    def ours(metric: str) -> list[Sample]:
        return [sample for sample in values[metric] if sample.labels.get("project") == name]

    if not up.value:
        yield f"project {name}: the database does not answer"
        return
    seen = ", ".join(f"{one.value:.0f} within a {one.labels['within']}" for one in ours("lgi_resources_seen"))
    rows = ", ".join(
        f"{one.value:.0f} {kind}" for kind in ("locks", "sessions") for one in ours(f"lgi_{kind}")
    )
    yield f"project {name}: {rows}; resources seen: {seen}"
    since = {one.labels["resource"]: one.value for one in ours("lgi_lock_holders_since")}
    for one in ours("lgi_lock_holders"):
        holder = one.labels["resource"]
        oldest = max(0.0, time.time() - since.get(holder, time.time()))
        yield f"  {one.value:.0f} jobs locked by {holder}, the oldest for {oldest:.0f} s"
    for one in ours("lgi_resource_drained_since"):
        yield f"  {one.labels['resource']} is drained, since {time.time() - one.value:.0f} s"
    for one in ours("lgi_jobs"):
        yield f"  {one.labels['application']:30}{one.labels['state']:>12}{one.value:>10.0f}"
    ended = ours("lgi_jobs_ended_total")
    for result in Result if ended else ():
        number = sum(one.value for one in ended if one.labels["result"] == result)
        yield f"  {'ended since the server started':30}{result:>12}{number:>10.0f}"


def _call(call: str, values: dict[str, list[Sample]]) -> str:
    def total(metric: str, errors: bool | None = None) -> float:
        return sum(
            sample.value
            for sample in values[metric]
            if sample.labels["call"] == call and errors in (None, sample.labels.get("error") != "0")
        )

    answered = total("lgi_calls_total", errors=False)
    refused = total("lgi_calls_total", errors=True)
    mean = total("lgi_call_seconds_sum") / max(1.0, total("lgi_call_seconds_count")) * 1000
    return f"{call:32}{answered:>10.0f}{refused:>10.0f}{mean:>10.1f}"
