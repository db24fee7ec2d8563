"""Notifications: what users are told of their jobs, once each, also by schedulers that fail in between."""

import json
import threading
import time
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler

import pytest

from lgi_protocol import notification
from lgi_protocol.errors import ServerError
from lgi_protocol.job_end import End
from lgi_server.cli import scheduler
from lgi_server.cli.notification_sender import NotificationSender
from lgi_server.config import parser
from lgi_server.services.notifications import delivery, events
from lgi_server.services.notifications.delivery import Delivery
from lgi_server.services.scheduling import reaper
from lgi_server.tables import job_notifications
from tests.server.test_arrays import elements
from tests.server.test_json_api import Api
from tests.server.test_tokens import bearer, new_token
from tests.support.exchanges import HELLO, daemon, end_of
from tests.support.grid import PROJECT, Grid, running, wait_for
from tests.support.mail_server import MailServer, mail_server
from tests.support.mariadb import PrivateMariaDB
from tests.support.pages import Browser
from tests.support.webhook_server import WebhookServer, webhook_server

OWN = "mark@example.org"
MAIL = {"notify": "start, end, fail"}


@pytest.fixture(scope="module")
def mails() -> Iterator[MailServer]:
    """A mail server."""
    with mail_server() as made:
        yield made


@pytest.fixture(scope="module")
def hooks() -> Iterator[WebhookServer]:
    """A web server for webhooks."""
    with webhook_server() as made:
        yield made


@pytest.fixture(scope="module", params=["sqlite", "mariadb"])
def telling(request: pytest.FixtureRequest, mails: MailServer, hooks: WebhookServer) -> Iterator[Grid]:
    """A server that sends mail and webhooks."""
    address = "sqlite:LGI.sqlite"
    if request.param == "mariadb":
        server: PrivateMariaDB = request.getfixturevalue("private_mariadb")
        address = server.create_database("notifications")
    settings = {
        "workers": "1",
        "mail": "true",
        "mail_host": "127.0.0.1",
        "mail_port": str(mails.port),
        "mail_security": "none",
        "mail_from": "lgi@example.org",
        "webhooks": "true",
        "webhook_hosts": f"http://127.0.0.1:{hooks.port}",
        "webhook_networks": "127.0.0.1/32",
        "most_of_user": "12",
    }
    new = Grid(address, settings)
    text = new.config_file.read_text()
    new.config_file.write_text(
        text.replace("server_name =", "mail_addresses = example.net\nserver_name =", 1)
    )
    with running(new, cleared=False) as made:
        yield made


@pytest.fixture
def grid(telling: Grid, mails: MailServer, hooks: WebhookServer) -> Grid:
    """A project with a resource and a user's address, and without jobs; nothing was sent."""
    telling.clear()
    telling.resource()
    telling.run(
        "INSERT INTO notification_users (user_name, address, webhook_key) VALUES (%s, %s, %s)",
        "mark@laptop",
        OWN,
        "KEY",
    )
    for kept in (mails.messages, mails.recipients, hooks.paths, hooks.headers, hooks.bodies):
        kept.clear()
    mails.refusal, hooks.answer = "", None
    return telling


def sender(grid: Grid) -> Delivery:
    """The delivery of the project's messages, as a scheduler makes it."""
    return Delivery(parser.load(grid.config_file), PROJECT, grid.database)


def send(grid: Grid, at: int = 0) -> int:
    """Send what is due at a time, by default now; return how many were sent."""
    return sender(grid).send_due(at or int(time.time()) + 1)


def run_one(grid: Grid, exit_code: int = 0) -> int:
    """Let a daemon take a job, and report its end; return its number."""
    one = daemon(grid)
    (given,) = one.want()
    one.report(end_of(given, end=End(exit_code)))
    return int(given.description.job_id)


def subjects(mails: MailServer) -> list[str]:
    """What has arrived, in any order."""
    return sorted(str(mail["Subject"]) for mail in mails.messages)


def reasons(grid: Grid, job: int) -> list[str]:
    """What the history of a job says of notifications."""
    rows = grid.rows("SELECT reason FROM job_history WHERE job_id = %s ORDER BY change_id", job)
    return [str(row["reason"]) for row in rows if "notification" in str(row["reason"])]


def refused(grid: Grid, **posted: str) -> str:
    """Why a submit is refused."""
    with pytest.raises(ServerError) as error:
        grid.user().submit(**posted)
    assert error.value.number == 33
    assert grid.rows("SELECT 1 FROM job_notifications") == []
    return str(error.value)


def status(grid: Grid, job: int, user: str = "mark@laptop") -> str:
    """What the explanation of a job says of notifications."""
    return grid.user(user).post("interface_explain_job", job_id=str(job)).value("explanation", "notification")


def test_a_user_is_told_of_start_and_end_by_mail(grid: Grid, mails: MailServer) -> None:
    """At the own address by default; the history says so, to all readers, without the address."""
    job = grid.user().submit(job_name="sweep", **MAIL)
    assert OWN in status(grid, job)

    assert run_one(grid) == job
    assert send(grid) == 2
    assert send(grid) == 0

    assert subjects(mails) == [
        f"[LGI] Job {job} (sweep) has started",
        f"[LGI] Job {job} (sweep) has succeeded",
    ]
    assert mails.recipients == [[OWN], [OWN]]
    assert sorted(reasons(grid, job)) == [
        "notification of end sent by mail",
        "notification of start sent by mail",
    ]
    assert grid.rows("SELECT 1 FROM job_notifications") == []


def test_a_user_is_told_of_failures_alone(grid: Grid, mails: MailServer) -> None:
    """A job that succeeds is told by no message, one that fails by one, also with end."""
    good, bad, both = (grid.user().submit(notify=one) for one in ("fail", "fail", "end, fail"))

    assert [run_one(grid), run_one(grid, 3), run_one(grid, 4)] == [good, bad, both]
    send(grid)

    assert subjects(mails) == [f"[LGI] Job {bad} has failed", f"[LGI] Job {both} has failed"]
    assert any("exit code 3" in mail.get_content() for mail in mails.messages)


def test_a_webhook_gets_facts_that_are_signed(grid: Grid, hooks: WebhookServer) -> None:
    """With the user's key, which nobody else sees; nothing is in it that a job may keep secret."""
    posted = {"input": "736563726574", "job_specifics": "<secret> 1 </secret>", "read_access": "ben@desk"}
    job = grid.user().submit(notify="end", webhook=hooks.url, **posted)
    own, other = status(grid, job), status(grid, job, "ben@desk")

    run_one(grid, 5)
    send(grid)

    body, headers = hooks.bodies[0], hooks.headers[0]
    facts = json.loads(body)
    assert hooks.paths == ["/hook/SECRET?a=b"]
    assert {"event": "end", "job_id": job, "exit_code": 5, "project": PROJECT}.items() <= facts.items()
    assert b"secret" not in body.lower()
    signed = notification.signature("KEY", int(headers["LGI-Time"]), body)
    assert headers["LGI-Signature"] == signed
    assert "KEY" in own
    assert "KEY" not in other
    assert "SECRET" not in own
    assert reasons(grid, job) == [f"notification of end sent to http://127.0.0.1:{hooks.port}"]


def test_an_array_has_one_message_at_its_end(grid: Grid, mails: MailServer) -> None:
    """With the numbers of elements that have failed; none before all have ended."""
    user = grid.user()
    user.post(
        "interface_submit_jobs",
        jobs=json.dumps(elements([1, 2, 3], notify="start,end")),
        array="sweep",
        array_size="3",
    )
    (row,) = grid.rows("SELECT MIN(array_id) AS array_id FROM job_queue")
    sends = NotificationSender(sender(grid), end=None)  # type: ignore[arg-type]

    run_one(grid, 1)
    sends.send()
    started = subjects(mails)
    run_one(grid)
    run_one(grid)
    events.look_at_arrays(grid.database, int(time.time()))
    events.look_at_arrays(grid.database, int(time.time()))
    send(grid)

    number = row["array_id"]
    assert started == [f"[LGI] Array {number}[] has started"]
    ended = f"[LGI] Array {number}[] has ended, 1 of 3 elements have failed"
    assert subjects(mails) == [ended, *started]
    assert grid.rows("SELECT 1 FROM job_notifications") == []


def test_arrays_that_wait_hide_no_others(
    grid: Grid, mails: MailServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many of one user wait: they are looked at in parts. What has told its last event is gone."""
    monkeypatch.setattr(job_notifications, "MOST_ARRAYS", 1)
    for array, fields in (
        ("waits", {"hold": "1", "notify": "start"}),
        ("starts", {"notify": "start"}),
        ("ends", {"notify": "end"}),
    ):
        jobs = json.dumps(elements([1], array, **fields))
        grid.user().post("interface_submit_jobs", jobs=jobs, array=array, array_size="1")
    one = daemon(grid)
    _starts, ends = sorted(one.want(2), key=lambda given: given.description.job_id)
    one.report(end_of(ends, end=End(0)))

    after = 0
    for _ in range(4):
        after = events.look_at_arrays(grid.database, int(time.time()), after)
    send(grid)

    assert [text.partition("[] ")[2] for text in subjects(mails)] == ["has started", "has ended"]
    assert len(grid.rows("SELECT 1 FROM job_notifications")) == 1


def test_a_job_that_is_tried_again_is_told_at_its_last_end(grid: Grid, mails: MailServer) -> None:
    """And its start once."""
    job = grid.user().submit(retries="1", backoff="0", **MAIL)

    run_one(grid, 1)
    run_one(grid, 2)
    send(grid)

    assert subjects(mails) == [f"[LGI] Job {job} has failed", f"[LGI] Job {job} has started"]


def test_ends_by_others_than_daemons_are_told(grid: Grid, mails: MailServer) -> None:
    """Of a job that follows one that fails, and of one whose daemon is lost while it is aborted."""
    user = grid.user()
    first = user.submit()
    second = user.submit(after=str(first), **MAIL)
    third = user.submit(notify="end")
    run_one(grid, 1)
    daemon(grid).want()
    user.delete(third)
    grid.run("UPDATE job_queue SET daemon_pulse = 1 WHERE job_id = %s", third)

    reaper.requeue_lost_jobs(grid.database, grid.config.scheduler, int(time.time()))
    send(grid)

    assert subjects(mails) == [f"[LGI] Job {second} has failed", f"[LGI] Job {third} has failed"]


def test_a_job_that_is_deleted_is_told_by_no_message(grid: Grid) -> None:
    """Its user has deleted it; nothing is left of the request."""
    job = grid.user().submit(**MAIL)

    grid.user().delete(job)

    assert send(grid) == 0
    assert grid.rows("SELECT 1 FROM job_notifications") == []


def test_a_message_that_fails_is_tried_again_later(grid: Grid, hooks: WebhookServer) -> None:
    """After a minute, then after twice as long; an explanation says why. It is given up after a day."""
    hooks.answer = lambda handler: handler.send_error(503)
    job = grid.user().submit(notify="end", webhook=hooks.url)
    run_one(grid)
    now = int(time.time()) + 1

    tried = []
    for later in (0, 30, 60, 179, 180):
        assert send(grid, now + later) == 0
        tried.append(len(hooks.paths))
    assert tried == [1, 1, 2, 2, 3]
    assert "answers with status 503" in status(grid, job)
    assert send(grid, now + 86_500) == 0
    (text,) = reasons(grid, job)
    assert text.startswith(f"notification of end to http://127.0.0.1:{hooks.port} given up after 3 tries")
    assert "status 503" in text
    assert grid.rows("SELECT 1 FROM notification_outbox") == []


def test_a_message_whose_scheduler_has_died_is_sent_by_another_one(grid: Grid, mails: MailServer) -> None:
    """After a few minutes; while it is being sent, no other one takes it."""

    class Killed(BaseException):
        pass

    def kill(*_words: object) -> None:
        raise Killed

    job = grid.user().submit(notify="end")
    run_one(grid)
    died = Delivery(sender(grid).config, PROJECT, grid.database, send_mail=kill)
    now = int(time.time()) + 1
    with pytest.raises(Killed):
        died.send_due(now)

    assert send(grid, now + delivery.LEASE - 1) == 0
    assert send(grid, now + delivery.LEASE) == 1
    assert subjects(mails) == [f"[LGI] Job {job} has succeeded"]


def test_a_user_gets_no_more_messages_in_an_hour_than_the_limit(grid: Grid, mails: MailServer) -> None:
    """The others wait, and those of other users do not; each waits for its turn, and none is lost."""
    user = grid.user()
    for _ in range(14):
        user.submit(notify="end")
    grid.user("ben@desk").submit(notify="end", mail="ben@example.net")
    for _ in range(15):
        run_one(grid)
    now = int(time.time()) + 1

    while send(grid, now):
        pass

    to = [name for (name,) in mails.recipients]
    assert (to.count(OWN), to.count("ben@example.net")) == (12, 1)
    waiting = grid.rows("SELECT problem FROM notification_outbox")
    assert [row["problem"] for row in waiting] == ["the limit of messages in an hour is reached"] * 2
    assert send(grid, now + 3600) == 2


@pytest.mark.parametrize(
    ("posted", "why"),
    [
        ({"notify": "end", "mail": "eve@evil.org"}, "the project sends no mail to eve@evil.org"),
        (
            {"notify": "end", "mail": "ben@sub.example.net"},
            "the project sends no mail to ben@sub.example.net",
        ),
        ({"notify": "end", "mail": f"{OWN}, eve@evil.org"}, "is not a mail address"),
        ({"notify": "end", "mail": "a@example.net\nBcc: eve@evil.org"}, "it has control characters"),
        ({"notify": "end", "webhook": "https://evil.example.org/"}, "an administrator has to list the host"),
        ({"notify": "end", "webhook": "http://127.0.0.1:1/"}, "an administrator has to list the host"),
        ({"notify": "end", "webhook": "gopher://x/"}, "write the address of a webhook as"),
        ({"notify": "sometimes"}, "is no event of a job"),
        ({"mail": OWN}, "mail and webhook need it"),
    ],
)
def test_an_address_that_is_not_allowed_is_refused(grid: Grid, posted: Mapping[str, str], why: str) -> None:
    """With the reason, and no job is queued."""
    assert why in refused(grid, **posted)
    assert grid.rows("SELECT 1 FROM job_queue") == []


def test_an_address_is_allowed_by_the_project_or_the_administrators(grid: Grid, mails: MailServer) -> None:
    """The domains of the project are for all; a user without an address has to give one."""
    with pytest.raises(ServerError, match="your certificate has no mail address"):
        grid.user("ben@desk").submit(notify="end")
    grid.user("ben@desk").submit(notify="end", mail="Some.Body@Example.NET")

    run_one(grid)
    send(grid)

    assert mails.recipients == [["Some.Body@example.net"]]


def test_a_webhook_whose_host_is_taken_from_the_list_is_not_sent(grid: Grid, hooks: WebhookServer) -> None:
    """The list of the moment at which it is sent counts too."""
    grid.user().submit(notify="end", webhook=hooks.url)
    run_one(grid)
    text = grid.config_file.read_text()
    grid.config_file.write_text(text.replace(f"http://127.0.0.1:{hooks.port}", "hooks.example.org"))

    try:
        assert send(grid) == 0
    finally:
        grid.config_file.write_text(text)

    assert hooks.paths == []


def test_the_scheduler_sends_what_is_due(grid: Grid, mails: MailServer) -> None:
    """In a thread of its own, until it ends."""
    end = threading.Event()
    scheduling = threading.Thread(target=scheduler.run, args=(parser.load(grid.config_file), end))
    job = grid.user().submit(notify="end")
    run_one(grid)

    scheduling.start()
    try:
        wait_for(lambda: mails.messages)
    finally:
        end.set()
        scheduling.join()

    assert subjects(mails) == [f"[LGI] Job {job} has succeeded"]


def test_the_json_view_has_notifications(grid: Grid) -> None:
    """A list of events, as every list there."""
    api = Api(bearer(grid, new_token(grid.user(), scope="submit")).client.session, grid.url)
    job = api.submit(notify=["end", "fail"])["job_id"]

    found = api.get(f"/jobs/{job}/explanation")["notification"]

    assert found == {"events": ["end", "fail"], "by_mail": True, "mail": OWN}


def test_a_token_to_read_does_not_get_the_key_of_webhooks(grid: Grid, hooks: WebhookServer) -> None:
    """Who has it could sign messages; the token shows jobs, and no more."""
    job = grid.user().submit(notify="end", webhook=hooks.url)

    def key(scope: str) -> object:
        api = Api(bearer(grid, new_token(grid.user(), scope=scope)).client.session, grid.url)
        return api.get(f"/jobs/{job}/explanation")["notification"].get("webhook_key")

    assert key("submit") == "KEY"
    assert key("read") is None


def test_the_form_of_the_page_asks_for_notifications(grid: Grid) -> None:
    """What is refused is told beside its field."""
    browser = Browser(grid)
    page = browser.get("submit")
    assert {"notify", "mail", "webhook"} <= set(page.tree.xpath("//input/@name"))

    browser.fill("submit", application=HELLO, groups="theor", notify="end")
    wrong = browser.fill("submit", application=HELLO, groups="theor", notify="end", mail="eve@evil.org")

    (row,) = grid.rows("SELECT events, mail FROM job_notifications")
    assert row == {"events": "end", "mail": OWN}
    assert "the project sends no mail to eve@evil.org" in wrong.text


def test_a_webhook_with_an_odd_answer_does_not_stop_the_others(
    grid: Grid, hooks: WebhookServer, mails: MailServer
) -> None:
    """What goes wrong in one message is that of this message."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(b"no HTTP\r\n\r\n")

    hooks.answer = answer
    grid.user().submit(notify="end", webhook=hooks.url, mail=OWN)
    run_one(grid)

    assert send(grid) == 1

    assert mails.recipients == [[OWN]]
    (waiting,) = grid.rows("SELECT kind, tries FROM notification_outbox")
    assert waiting == {"kind": "webhook", "tries": 1}
