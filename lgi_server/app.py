"""create_app: the Flask application of a project server."""

import time
from collections.abc import Mapping, Sequence
from functools import lru_cache
from http import HTTPStatus
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from flask import Blueprint, Flask, Response, render_template, request, send_file
from werkzeug.exceptions import HTTPException, NotFound
from werkzeug.routing import RequestRedirect

from lgi_protocol.errors import LGIError
from lgi_server import interfaces, resources, servers
from lgi_server.api import dispatch, faults, form_parser, headers, responses, uploads
from lgi_server.api.registry import AnyRoute
from lgi_server.auth import client_certificate
from lgi_server.basic_interface import blueprint, filters
from lgi_server.basic_interface import responses as basic_interface_responses
from lgi_server.config import parser
from lgi_server.config.model import Config
from lgi_server.json_api import blueprint as json_blueprint
from lgi_server.public import documents, metrics
from lgi_server.repository import views
from lgi_server.runtime import Runtime, build_runtime

CALLS: Mapping[str, Sequence[AnyRoute]] = {
    "resources": resources.ROUTES,
    "interfaces": interfaces.ROUTES,
    "servers": servers.ROUTES,
}


def create_app(config: Config | str) -> Flask:
    """Return the application of a configuration, or of the file that has it.

    Raises ConfigError, or ValueError or OSError for a file that cannot be used. To list all addresses:
    ``flask --app 'lgi_server.app:create_app("/path/of/LGI_server.cfg")' routes``.
    """
    if isinstance(config, str):
        config = parser.load(Path(config))
    server = build_runtime(config)
    app = Flask(__name__, static_folder="static", static_url_path=f"{config.prefix}/static")
    app.request_class = uploads.PageRequest
    app.extensions["lgi"] = server
    # What takes files allows more.
    app.config.update(MAX_CONTENT_LENGTH=min(config.max_post_size, form_parser.MOST_FORM))
    app.config["PROVIDE_AUTOMATIC_OPTIONS"] = False
    app.url_map.merge_slashes = True
    app.url_map.converters["any_path"] = views.AnyPath
    app.url_map.converters["job_number"] = blueprint.JobNumber
    for folder, routes in CALLS.items():
        app.register_blueprint(_calls(folder, routes, server), url_prefix=f"{config.prefix}/{folder}")
    app.register_blueprint(views.blueprint(server), url_prefix=config.prefix or None)
    if config.basic_interface:
        app.register_blueprint(blueprint.blueprint(server), url_prefix=f"{config.prefix}/basic_interface")
    app.register_blueprint(
        json_blueprint.blueprint(server), url_prefix=f"{config.prefix}{json_blueprint.PATH}"
    )
    app.jinja_env.filters.update(filters.FILTERS)
    app.jinja_env.globals.update(filters.template_globals(config.prefix))
    app.jinja_env.trim_blocks = True
    _add_public_pages(app, config)
    metrics.register(app, server)
    _add_guards(app, server)
    dispatch.add_shortcut(app)
    return app


def _calls(folder: str, routes: Sequence[AnyRoute], server: Runtime) -> Blueprint:
    """Add the calls of a URL folder, each under its name and under its name with ``.php``."""
    made = Blueprint(folder, __name__)
    for route in routes:
        endpoint = dispatch.Endpoint(server, route)
        for suffix in ("", ".php"):
            made.add_url_rule(
                f"/{route.name}{suffix}", endpoint=route.name, view_func=endpoint, methods=["GET", "POST"]
            )
    return made


def _add_public_pages(app: Flask, config: Config) -> None:
    """Add what anybody may see: the landing page, documents, the CA's certificate and its revocation list."""

    def landing() -> Response:
        return basic_interface_responses.html(
            "landing.html", HTTPStatus.OK, config=config, documents=documents.DOCUMENTS
        )

    def document(name: str) -> Response:
        if name in documents.FORMER:
            return basic_interface_responses.moved(f"{config.prefix}/documents/{documents.FORMER[name]}")
        if name not in documents.DOCUMENTS:
            raise NotFound
        return basic_interface_responses.page(rendered(name))

    # All clients that read a document share the bytes of its page.
    @lru_cache(maxsize=len(documents.DOCUMENTS))
    def rendered(name: str) -> bytes:
        title = documents.DOCUMENTS[name][1]
        return render_template("document.html", title=title, text=documents.render(name)).encode()

    def drawing(name: str) -> Response:
        try:
            return send_file(documents.drawing(name), mimetype="image/svg+xml")
        except KeyError:
            raise NotFound from None

    def ca_certificate() -> Response:
        return send_file(config.ca_certificate, mimetype="application/x-x509-ca-cert")

    def crl() -> Response:
        if config.crl is None:
            raise NotFound
        return send_file(config.crl, mimetype="application/pkix-crl")

    app.add_url_rule(f"{config.prefix}/", "landing", landing)
    app.add_url_rule(f"{config.prefix}/index.php", "landing", landing)
    if config.prefix:
        app.add_url_rule(config.prefix, "landing", landing)
    app.add_url_rule(f"{config.prefix}/documents/<name>", "document", document)
    app.add_url_rule(f"{config.prefix}/documents/drawings/<name>", "drawing", drawing)
    app.add_url_rule(f"{config.prefix}/certificates/ca.crt", "ca_certificate", ca_certificate)
    app.add_url_rule(f"{config.prefix}/certificates/ca.crl", "crl", crl)


def _add_guards(app: Flask, server: Runtime) -> None:
    """Add what holds for every request: certificate, headers, the answer to a fault."""
    public = {"landing", "ca_certificate", "crl", "document", "drawing", "static", metrics.ENDPOINT}

    @app.before_request
    def nobody_passes_unknown() -> Response | None:
        """Everything but the public pages needs a certificate, even an address that does not exist."""
        if request.endpoint in public or request.blueprint == "repository" or request.blueprint in CALLS:
            return None
        if json_blueprint.is_below(request.path, server.config.prefix):
            # Its operations check who calls, and its description is public.
            return None
        try:
            client_certificate.require_user_certificate(request.environ, server.trust, time.time())
        except LGIError as refused:
            if blueprint.is_for_a_person(server.config, request):
                return basic_interface_responses.refusal(None, refused)
            return Response(responses.refusal(server.config, refused), content_type=headers.CONTENT_TYPE)
        return None

    @app.after_request
    def with_manners(answer: Response) -> Response:
        if isinstance(request.routing_exception, RequestRedirect) and answer.location:
            # A missing slash. Whatever the request calls this host, it is here that it is missing.
            answer.location = urlunsplit(("", "", *urlsplit(answer.location)[2:]))
        for name, value in headers.SECURITY_HEADERS:
            answer.headers.setdefault(name, value)
        server.metrics.answered_page(request.endpoint or "none", answer.status_code)
        return answer

    @app.errorhandler(Exception)
    def fault(error: Exception) -> Response | HTTPException:
        """Answer an unexpected exception: with a traceback in the log and a plain error outside."""
        is_json = json_blueprint.is_below(request.path, server.config.prefix)
        if isinstance(error, HTTPException):
            return json_blueprint.unanswered(error) if is_json else error
        answer = faults.internal_error(f"{request.method} {request.path!r}")
        return Response(responses.document(server.config, answer), 500, content_type=headers.CONTENT_TYPE)
