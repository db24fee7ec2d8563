"""Summaries, for administrators, of the changes that servers send each other."""

from lgi_server.services.project import update_parser
from lgi_server.services.project.update_parser import Statement, Value, Verb
from lgi_server.tables import urgent_jobs


def summarize(text: str) -> str:
    """Return what a statement does, as "allow user mark@laptop, application vasp, limit 3".

    A statement of another form is returned as it is.
    """
    try:
        statement = update_parser.parse(text)
    except ValueError:
        # From a server with unrestricted updates.
        return text
    values, where = dict(statement.values), dict(statement.where)
    if statement.verb is Verb.UPDATE:
        return text
    if statement.table == "active_resources":
        return _of_resource(values) if values else f"remove resource {where.get('resource_name', '')}"
    named = {**values, **where}
    if named.get("application") == urgent_jobs.APPLICATION:
        return _of_urgent(named)
    return _of_rule(statement, named)


def _of_resource(values: dict[str, Value]) -> str:
    kinds: dict[Value, str] = {0: "resource", 1: "master server", 2: "slave server"}
    kind = kinds.get(values.get("project_server", 0), "resource")
    return f"register {kind} {values.get('resource_name', '')} at {values.get('url', '')}"


def _of_urgent(named: dict[str, Value]) -> str:
    group = named.get("group_name", "")
    if "job_limit" in named:
        return f"let group {group} have {str(named['job_limit']).removeprefix('-')} urgent jobs at once"
    return f"let group {group} have no more urgent jobs"


def _of_rule(statement: Statement, named: dict[str, Value]) -> str:
    kind, _, rule = statement.table.partition("_")
    verb = {"allowed": "allow", "denied": "deny"}[rule]
    if statement.verb is Verb.DELETE:
        verb = f"remove what is {rule} for"
    who = f"{kind[:-1]} {named[f'{kind[:-1]}_name']}" if f"{kind[:-1]}_name" in named else f"all {kind}"
    what = f"application {named['application']}" if "application" in named else "all applications"
    limit = f", limit {named['job_limit']}" if "job_limit" in named else ""
    return f"{verb} {who}, {what}{limit}"
