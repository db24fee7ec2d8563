"""The output of `LGI_server status`: the metrics of a running server as text."""

import time
from collections import defaultdict
from collections.abc import Iterator

import requests
from prometheus_client.openmetrics.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from lgi_protocol.client import Client
from lgi_protocol.errors import LGIError
from lgi_protocol.job_end import Result
from lgi_server.config.model import Config
from lgi_server.services.project import peers

TIMEOUT = 30


class UnknownStatusError(Exception):
    """The metrics could not be fetched; the message says why."""


def report(config: Config) -> str:
    """Return the metrics of the running server, fetched with its own certificate; UnknownStatusError."""
    return "\n".join((config.url, *_lines(list(_samples(_fetch(config))))))


def _fetch(config: Config) -> str:
    address = f"{config.url}/metrics"
    try:
        answer = Client(config.url, peers.credentials(config)).session.get(address, timeout=TIMEOUT)
    except LGIError as error:
        raise UnknownStatusError(str(error)) from None
    except requests.RequestException as error:
        raise UnknownStatusError(f"{address} does not answer: {error}") from None
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
