"""A TLS handshake in memory: whether the CA accepts a client certificate, as the project server will."""

import ssl

from lgi_protocol.credentials import Credentials

# Messages that each side sends at most, and some more.
_ROUNDS = 10


def client_certificate_fault(credentials: Credentials) -> str:
    """Return why a server that trusts the CA refuses the certificate; empty when it accepts it."""
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.verify_mode = ssl.CERT_REQUIRED
    server.load_verify_locations(credentials.ca)
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    # Only the certificate of the client is of interest. The server needs one, whichever it is.
    client.check_hostname, client.verify_mode = False, ssl.CERT_NONE
    for context in (server, client):
        context.load_cert_chain(credentials.certificate, credentials.key)
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    sides = (
        client.wrap_bio(to_client, to_server),
        server.wrap_bio(to_server, to_client, server_side=True),
    )
    for _round in range(_ROUNDS):
        for side in sides:
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue
            except ssl.SSLCertVerificationError as error:
                return error.verify_message
            except ssl.SSLError as error:
                return error.reason or str(error)
    return ""
