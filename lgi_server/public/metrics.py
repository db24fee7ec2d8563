"""``/metrics`` in OpenMetrics: for administrators, this server's own tools, and its machine if allowed."""

import ipaddress
import time
from functools import partial

from flask import Flask, Response, request
from prometheus_client.openmetrics import exposition

from lgi_protocol.errors import ErrorNumber, LGIError
from lgi_server.api import headers, responses
from lgi_server.auth import client_certificate
from lgi_server.auth.client_certificate import ClientCertificate
from lgi_server.background.database_gauges import DatabaseGauges
from lgi_server.runtime import Runtime
from lgi_server.services.access import principals

ENDPOINT = "metrics"


def register(app: Flask, server: Runtime) -> None:
    """Add the page to the application."""
    census = DatabaseGauges(server.databases)

    def metrics() -> Response:
        try:
            if not _is_local(server):
                check(
                    client_certificate.require_user_certificate(request.environ, server.trust, time.time()),
                    server,
                )
        except LGIError as refused:
            return Response(responses.refusal(server.config, refused), 403, content_type=headers.CONTENT_TYPE)
        registry = server.metrics.registry()
        registry.register(census)
        text = exposition.generate_latest(registry)  # type: ignore[no-untyped-call]
        return Response(text, content_type=exposition.CONTENT_TYPE_LATEST)

    app.add_url_rule(f"{server.config.prefix}/metrics", ENDPOINT, metrics)


def check(who: ClientCertificate, server: Runtime) -> None:
    """Raise LGIError CERTIFICATE unless the caller is an administrator, not revoked, or this server itself.

    The numbers are of all projects of the server, so the certificate must be valid for each of them.
    """
    projects = server.config.projects
    is_admin = server.config.admin_group in (who.name.groups or ())
    is_us = who.name.name in {project.server_name for project in projects.values()}
    if not (is_admin or is_us) or not all(map(who.name.allows_project, projects)):
        raise LGIError(ErrorNumber.CERTIFICATE, "the metrics are for administrators of all projects")
    if not is_us:
        _check_user(who.name.name, server)


def _check_user(name: str, server: Runtime) -> None:
    """Raise LGIError CERTIFICATE for a user who is revoked in one of the projects.

    A database that cannot be reached says nothing: the metrics are needed most then.
    """
    for database in server.databases.values():
        try:
            database.run(partial(principals.check_user, name=name), write=False)
        except LGIError as refused:
            if refused.number == ErrorNumber.CERTIFICATE:
                raise


def _is_local(server: Runtime) -> bool:
    """Return whether the request is from this machine, and the configuration allows that.

    A request through a front end never counts: the front end is such a program itself.
    """
    if not server.config.local_metrics or server.config.front_end_header:
        return False
    try:
        return ipaddress.ip_address(request.remote_addr or "").is_loopback
    except ValueError:
        return False
