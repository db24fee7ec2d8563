"""create_app: the Flask application of a project server."""

import logging
import posixpath
import time
from collections.abc import Callable, Iterable
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from flask import Flask, Response, request, send_file
from werkzeug.exceptions import HTTPException, NotFound
from werkzeug.routing import RequestRedirect

from lgi_protocol.errors import LGIError

# Importing these six registers their calls with the doorway.
from lgi_server.api import dispatch, uploads
from lgi_server.api import responses as api_responses
from lgi_server.auth import client_certificate
from lgi_server.basic_interface import blueprint, filters
from lgi_server.basic_interface import responses as basic_interface_responses
from lgi_server.config.model import Config
from lgi_server.interfaces import calls as interfaces_calls  # noqa: F401
from lgi_server.interfaces import explain, history  # noqa: F401
from lgi_server.public import documents, metrics
from lgi_server.repository import views
from lgi_server.resources import calls as resources_calls  # noqa: F401
from lgi_server.resources import job_calls, output  # noqa: F401
from lgi_server.runtime import Runtime, build_runtime
from lgi_server.servers import updates  # noqa: F401

log = logging.getLogger("lgi.app")


def create_app(config: Config) -> Flask:
    """The application of a configuration. Raises ValueError or OSError for a file that cannot be used."""
    server = build_runtime(config)
    app = Flask(__name__, static_folder="static", static_url_path=f"{config.prefix}/static")
    app.request_class = uploads.PageRequest
    app.extensions["lgi"] = server
    app.config.update(MAX_CONTENT_LENGTH=config.max_post_size)
    app.config["PROVIDE_AUTOMATIC_OPTIONS"] = False
    app.url_map.merge_slashes = True
    app.url_map.converters["any_path"] = views.AnyPath
    app.url_map.converters["job_number"] = blueprint.JobNumber
    app.register_blueprint(views.blueprint(server), url_prefix=config.prefix or None)
    if config.basic_interface:
        app.register_blueprint(blueprint.blueprint(server), url_prefix=f"{config.prefix}/basic_interface")
    app.jinja_env.filters.update(filters.FILTERS)
    app.jinja_env.globals.update(filters.template_globals(config.prefix))
    app.jinja_env.trim_blocks = True
    _add_public_pages(app, config)
    metrics.register(app, server)
    _add_guards(app, server)
    app.wsgi_app = _PlainPath(dispatch.CallDispatcher(server, app.wsgi_app))  # type: ignore[method-assign]
    return app


def _add_public_pages(app: Flask, config: Config) -> None:
    """What anybody may see: the landing page, documents, the CA's certificate and its revocation list."""

    def landing() -> Response:
        return basic_interface_responses.html(
            "landing.html", HTTPStatus.OK, config=config, documents=documents.DOCUMENTS
        )

    def document(name: str) -> Response:
        if name not in documents.DOCUMENTS:
            raise NotFound
        title = documents.DOCUMENTS[name][1]
        return basic_interface_responses.html(
            "document.html", HTTPStatus.OK, title=title, text=documents.render(name)
        )

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
    """What holds for every request, whoever answers it."""
    public = {"landing", "ca_certificate", "crl", "document", "drawing", "static", metrics.ENDPOINT}

    @app.before_request
    def nobody_passes_unknown() -> Response | None:
        """Everything but the public pages needs a certificate, even an address that does not exist."""
        if request.endpoint in public or request.blueprint == "repository":
            return None
        try:
            client_certificate.require_user_certificate(request.environ, server.trust, time.time())
        except LGIError as refused:
            if blueprint.is_for_a_person(server.config, request):
                return basic_interface_responses.refusal(None, refused)
            body = dispatch.document(server.config, (api_responses.error(refused),))
            return Response(body, content_type=dispatch.CONTENT_TYPE)
        return None

    @app.after_request
    def with_manners(answer: Response) -> Response:
        if isinstance(request.routing_exception, RequestRedirect) and answer.location:
            # A missing slash. Whatever the request calls this host, it is here that it is missing.
            answer.location = urlunsplit(("", "", *urlsplit(answer.location)[2:]))
        for name, value in dispatch.SECURITY_HEADERS:
            answer.headers.setdefault(name, value)
        server.metrics.answered_page(request.endpoint or "none", answer.status_code)
        return answer

    @app.errorhandler(Exception)
    def fault(error: Exception) -> Response | HTTPException:
        """The request boundary: a fault of ours is a traceback in the log and a plain error outside."""
        if isinstance(error, HTTPException):
            return error
        log.exception("fault while answering %s %r", request.method, request.path)
        return Response(
            dispatch.document(server.config, (dispatch.INTERNAL_ERROR,)),
            500,
            content_type=dispatch.CONTENT_TYPE,
        )


class _PlainPath:
    """Takes ``/../`` out of paths before they are routed: old clients send it (clients.md 1.4)."""

    def __init__(self, application: Callable[..., Iterable[bytes]]) -> None:
        self._application = application

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        path = environ.get("PATH_INFO", "/")
        if "/.." in path or "//" in path or "/./" in path:
            plain = posixpath.normpath("/" + path.lstrip("/"))
            environ["PATH_INFO"] = plain + "/" if path.endswith("/") and plain != "/" else plain
        return self._application(environ, start_response)
