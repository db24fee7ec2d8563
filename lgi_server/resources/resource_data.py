"""The call by which resources get the certificates of other resources (wire.md 6)."""

from lgi_protocol import hexcode
from lgi_protocol.errors import ErrorNumber, LGIError
from lgi_protocol.xml import Element
from lgi_server.api import fields
from lgi_server.api.context import ResourceContext
from lgi_server.api.responses import Elements
from lgi_server.tables import active_resources


def resource_request_resource_data(call: ResourceContext) -> Elements:
    """Return certificate, URL and last call of a resource; LGIError RESOURCE_UNKNOWN."""
    name = call.form.line(fields.RESOURCE_NAME)
    found = active_resources.named(call.transaction, name)
    if found is None:
        raise LGIError(ErrorNumber.RESOURCE_UNKNOWN, name)
    data = Element(
        "requested_resource_data",
        (
            Element("resource_name", found.resource_name),
            Element("client_certificate", hexcode.encode(found.client_certificate.encode())),
            Element("resource_url", found.url),
            Element("last_call_time", found.last_call_time),
        ),
    )
    return (*call.header(), data)
