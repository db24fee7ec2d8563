"""The answer to the sign-up of a resource: its session, and what the server can do (wire.md 6)."""

from lgi_protocol import xml
from lgi_protocol.reply import Reply
from lgi_protocol.value_object import value_object


@value_object
class SignUp:
    """Answer to a sign-up: the session and the servers of the project.

    ``longest_wait`` is the maximum duration of a long poll in seconds; 0 when the server has none, as LGI.
    ``job_certificates``: the server issues certificates to jobs. ``resource`` is the name of the caller,
    ``other_daemons`` the number of other daemons that have signed up lately as this resource. ``exchange`` is
    the version of the call `lgi_protocol.exchange` that the server has, 0 when it has none. With
    ``hears_unnamed`` an exchange that it holds is answered also when a job that it does not name is aborted.
    """

    session_id: str
    master_server: str
    slave_servers: tuple[str, ...]
    max_field_size: int
    longest_wait: int = 0
    job_certificates: bool = False
    resource: str = ""
    other_daemons: int = 0
    exchange: int = 0
    hears_unnamed: bool = False


def read_sign_up(reply: Reply) -> SignUp:
    """Return the sign-up in an answer."""
    return SignUp(
        session_id=reply.value("session_id"),
        master_server=reply.value("project_master_server"),
        slave_servers=tuple(xml.unescape(url.strip()) for url in reply.all("project_server")),
        max_field_size=reply.max_field_size,
        longest_wait=reply.number("longest_wait"),
        job_certificates=reply.number("job_certificates") > 0,
        resource=reply.value("resource"),
        other_daemons=reply.number("other_daemons"),
        exchange=reply.number("exchange"),
        hears_unnamed=reply.number("exchange_unnamed") > 0,
    )
