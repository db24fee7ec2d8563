"""The examples for Prometheus and Grafana: they can be read, and name metrics that a server has."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from tests.server.test_job_ends import ended, running
from tests.server.test_metrics import awaited, value
from tests.server.test_resource_drain import drain
from tests.support.grid import Grid

MONITORING = Path(__file__).parents[2] / "docs" / "monitoring"
RULES, DASHBOARD = MONITORING / "lgi.rules.yml", MONITORING / "grafana.json"
# Functions and words of PromQL, and what a scrape itself has.
WORDS = {"sum", "by", "rate", "increase", "time", "histogram_quantile", "and", "up"}
SUFFIXES = ("_total", "_sum", "_count", "_bucket")


def expressions() -> Iterator[str]:
    """Every expression of both files."""
    for panel in json.loads(DASHBOARD.read_text("utf-8"))["panels"]:
        yield from (target["expr"] for target in panel["targets"])
    for rule in rules():
        yield rule["expr"]


def rules() -> list[dict[str, str]]:
    """The rules: the file has one form only, which is read here without a parser of YAML."""
    found: list[dict[str, str]] = []
    for block in RULES.read_text("utf-8").split("      - alert: ")[1:]:
        name, *lines = block.splitlines()
        rule = {"alert": name}
        text = "\n".join(lines)
        folded = re.search(r"^        expr: >-\n((?:          .*\n)+)", text, re.MULTILINE)
        plain = re.search(r"^        expr: (?!>)(.*)$", text, re.MULTILINE)
        rule["expr"] = " ".join(folded[1].split()) if folded else plain[1] if plain else ""
        for word in ("severity", "summary", "action"):
            value = re.search(rf'\b{word}: "?([^"}}\n]+(?:\{{\{{[^"]*)?)', text)
            rule[word] = value[1] if value else ""
        found.append(rule)
    return found


@pytest.mark.parametrize("expression", list(expressions()), ids=lambda text: re.sub(r"\W+", " ", text)[:60])
def test_an_expression_has_its_brackets_in_pairs(expression: str) -> None:
    """Round, curly and square ones, each closed in its turn."""
    opened: list[str] = []
    for character in re.sub(r'"[^"]*"', "", expression):
        if character in "([{":
            opened.append(character)
        elif character in ")]}":
            assert opened, expression
            assert opened.pop() + character in {"()", "[]", "{}"}

    assert opened == []


def test_a_metric_of_the_examples_is_one_of_the_server(grid: Grid) -> None:
    """Names and labels, as /metrics has them when jobs have ended and are locked, a resource is drained."""
    resource = grid.resource()
    job_id = str(grid.user().submit())
    resource.request_work("hello_world", 0, 1)
    resource.unlock(job_id)
    ended(grid, resource, exit_code=1)
    running(grid, resource)
    drain(grid)
    late = {"lgi_lock_holders", "lgi_resource_drained_since", "lgi_pages"}
    found = families(awaited(grid, lambda text: late <= families(text).keys()))
    labels = {label for of_one in found.values() for label in of_one}

    for expression in expressions():
        assert {name for name in metrics(expression) if not known(name, set(found))} == set(), expression
        assert labels_of(expression) - labels - {"job", "le"} == set(), expression


def families(text: str) -> dict[str, set[str]]:
    """The metrics that a server has samples of, with their labels."""
    read = text_string_to_metric_families(text)
    return {
        one.name: {label for sample in one.samples for label in sample.labels} for one in read if one.samples
    }


def metrics(expression: str) -> set[str]:
    """The metrics that an expression names."""
    bare = re.sub(r'\[[^]]*\]|"[^"]*"|\{[^}]*\}|by \([^)]*\)', " ", expression.replace("$project", ""))
    return set(re.findall(r"[a-z_]{2,}", bare)) - WORDS


def labels_of(expression: str) -> set[str]:
    """The labels that an expression selects or groups by."""
    groups = ",".join(re.findall(r"by \(([^)]*)\)", expression)).replace(" ", "")
    selected = re.findall(r"[{,]\s*(\w+)\s*(?:=~|!=|=)", expression)
    return {*selected, *(word for word in groups.split(",") if word)}


def known(name: str, names: set[str]) -> bool:
    """Whether a server has a metric, which may be a part of a counter or a histogram."""
    return name in names or any(name.removesuffix(suffix) in names for suffix in SUFFIXES)


def test_a_rule_says_how_bad_it_is_and_what_to_do() -> None:
    """Each alert once, with an expression."""
    found = rules()

    assert len({rule["alert"] for rule in found}) == len(found) > 5
    for rule in found:
        assert rule["severity"] in {"critical", "warning"}, rule
        assert all(rule[word] for word in ("expr", "summary", "action")), rule


def test_the_rules_are_yaml() -> None:
    """Read by a parser of YAML, where there is one; the file has nothing but rules of one group."""
    yaml = pytest.importorskip("yaml")

    (group,) = yaml.safe_load(RULES.read_text("utf-8"))["groups"]

    assert [rule["expr"] for rule in group["rules"]] == [rule["expr"] for rule in rules()]
    assert all(set(rule) <= {"alert", "expr", "for", "labels", "annotations"} for rule in group["rules"])


def test_a_panel_of_the_dashboard_is_complete() -> None:
    """A title, a place of its own, and targets with legends."""
    panels = json.loads(DASHBOARD.read_text("utf-8"))["panels"]

    places = {(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in panels}
    assert len(places) == len(panels) == len({panel["id"] for panel in panels})
    assert all(panel["title"] and all(one["legendFormat"] for one in panel["targets"]) for panel in panels)


def test_a_scheduler_that_does_not_run_is_seen_in_its_delay(grid: Grid) -> None:
    """The metric grows from the time at which its first task was due."""
    grid.run("REPLACE INTO event_queue (event_time_stamp, event) VALUES (1000, 'x')")

    awaited(grid, lambda text: value(text, "lgi_scheduler_delay_seconds", project="LGI") > 10**9)
