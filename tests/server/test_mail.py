"""Mail to users: over TLS with a login where the server is set up so, and one message is one message."""

import ssl
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from lgi_protocol import notification
from lgi_server.auth import client_certificate
from lgi_server.config.notifications import PLAIN, STARTTLS, NotificationSettings
from lgi_server.services.notifications import mail, messages
from lgi_server.services.notifications.delivery_error import DeliveryError
from lgi_server.services.notifications.messages import Sender
from lgi_server.tables.job_queue.jobs import JobRow
from lgi_server.tables.notification_outbox import MAIL, Message
from lgi_tools.certificates.ca import Authority
from tests.support.mail_server import MailServer, mail_server

SENDER = Sender("LGI", "https://lgi.example.org/LGI", "lgi@example.org")
JOB = JobRow(
    job_id=7,
    state="aborted",
    application="command",
    owners=("mark@laptop", "theor"),
    read_access=(),
    write_access=(),
    target_resources=("res1@cluster",),
    job_specifics="<secret> 1 </secret>",
    lock_state=0,
    state_time_stamp=1_800_000_000,
    repository="SECRET",
    input=b"secret input",
    output=b"secret output",
    job_name="x\r\nBcc: all@example.org\r\n\r\nBody",
    started=1_799_999_000,
)


def settings(server: MailServer, **more: object) -> NotificationSettings:
    """The settings for a mail server."""
    usual = NotificationSettings(
        mail=True,
        mail_host="127.0.0.1",
        mail_port=server.port,
        mail_security=PLAIN,
        mail_from="lgi@example.org",
    )
    return replace(usual, **more)  # type: ignore[arg-type]


def message(job: JobRow = JOB) -> EmailMessage:
    """The mail about a job."""
    facts = messages.facts_of_job(job)
    return messages.as_mail(
        Message(7, 0, "fail", "mark@laptop", MAIL, "mark@example.org", facts, 1, 1, notification_id=3),
        SENDER,
        1_800_000_000,
    )


def test_a_mail_has_one_recipient_and_no_header_of_a_user() -> None:
    """Whatever the name of the job is; and nothing that a job may keep secret."""
    with mail_server() as server:
        mail.send(settings(server), message(), "mark@example.org")

    (got,) = server.messages
    assert server.recipients == [["mark@example.org"]]
    assert got["Subject"] == "[LGI] Job 7 (x??Bcc: all@example.org????Body) has failed"
    assert got["Bcc"] is None
    assert got["To"] == "mark@example.org"
    assert got["Message-ID"] == "<LGI.1.3@example.org>"
    assert got["Auto-Submitted"] == "auto-generated"
    text = got.get_content()
    assert "has failed: aborted" in text
    assert "resource: res1@cluster" in text
    assert "secret" not in text.lower()


def test_a_mail_server_with_tls_gets_a_login(tmp_path: Path) -> None:
    """After STARTTLS, to a server whose certificate is trusted."""
    authority = Authority.create(tmp_path / "ca")
    issued = authority.issue_server("localhost", ("127.0.0.1",))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(issued.certificate, issued.key)
    password = tmp_path / "password"
    password.write_text("hidden\n")
    trusting = ssl.create_default_context(cafile=str(authority.ca_file))

    with mail_server(context) as server:
        login = {"mail_user": "lgi", "mail_password_file": password}
        secure = settings(server, mail_security=STARTTLS, **login)
        mail.send(secure, message(), "mark@example.org", trusting)
        with pytest.raises(DeliveryError, match="certificate"):
            mail.send(secure, message(), "mark@example.org")

    assert server.logins == [(b"lgi", b"hidden")]
    assert len(server.messages) == 1


@pytest.mark.parametrize(("answer", "is_final"), [("550 no such user", True), ("451 later", False)])
def test_a_recipient_that_is_refused_for_good_is_not_tried_again(answer: str, is_final: bool) -> None:
    """Another one is."""
    with mail_server() as server:
        server.refusal = answer
        with pytest.raises(DeliveryError, match="refuses the address") as error:
            mail.send(settings(server), message(), "mark@example.org")

    assert error.value.is_final == is_final


def test_a_mail_server_that_is_away_is_an_error_of_delivery() -> None:
    """It is tried again."""
    with mail_server() as server:
        away = settings(server)

    with pytest.raises(DeliveryError, match=r"the mail server 127\.0\.0\.1"):
        mail.send(away, message(), "mark@example.org")


@pytest.mark.parametrize(
    "address",
    [
        *(
            "mark",
            "mark@",
            "@example.org",
            "a@b,c@d",
            "a@b c@d",
            "a@b\r\nBcc: c@d",
            "a@b\n",
            "<a@b>",
            "a b@c",
        ),
        *('"a"@b', "a@b;c@d", "a@[127.0.0.1]", "a@b..c", "ä@b", "a@-b", "a..b@c", "a@b%00", "x" * 300 + "@b"),
        *("=?utf-8?q?eve=40evil.org=2c?=@example.org", "=?utf-8?q?a=0d=0aBcc=3aeve=40evil.org?=@example.org"),
    ],
)
def test_a_text_with_more_than_one_plain_address_is_no_address(address: str) -> None:
    """A message has one recipient, whom the project allows."""
    with pytest.raises(ValueError, match="is not a mail address"):
        notification.check_mail(address)


def test_a_plain_address_has_its_domain_in_lower_case() -> None:
    """Domains are compared with those of the project."""
    assert notification.check_mail("Mark.Some+lgi@Example.ORG") == "Mark.Some+lgi@example.org"


def test_the_own_addresses_of_a_user_are_those_of_the_certificate() -> None:
    """In its subject and beside it; what is no plain address is left out."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name(
        [
            x509.NameAttribute(NameOID.COMMON_NAME, "mark@laptop"),
            x509.NameAttribute(NameOID.EMAIL_ADDRESS, "Mark@Example.ORG"),
            x509.NameAttribute(NameOID.EMAIL_ADDRESS, "a@example.org, b@example.org"),
        ]
    )
    begin = datetime(2026, 1, 1, tzinfo=UTC)
    made = (
        x509.CertificateBuilder(subject, subject, key.public_key(), 1, begin, begin + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.RFC822Name("m@example.net")]), critical=False)
        .sign(key, hashes.SHA256())
    )

    found = client_certificate.mail_addresses(made.public_bytes(Encoding.DER))

    assert found == ["Mark@example.org", "m@example.net"]
    assert client_certificate.mail_addresses(b"") == []
