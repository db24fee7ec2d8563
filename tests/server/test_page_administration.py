"""The pages on which administrators change rules, users and resources, each change asked for and logged."""

import re
from urllib.parse import quote

import pytest

from tests.server.test_tokens import new_token
from tests.support.grid import Grid
from tests.support.pages import FROM_OURS, Browser, Page

pytestmark = pytest.mark.one_database
HOSTILE = '"><script>alert(1)</script>'
PAGES = ("administration", *(f"administration/{name}" for name in ("rules", "users", "resources", "log")))


@pytest.fixture
def root(grid: Grid) -> Browser:
    """The browser of an administrator who is on the list."""
    grid.run("INSERT INTO administrators VALUES ('root@desk', 0, 'test')")
    return Browser(grid, "root@desk", ("admin",))


def change(browser: Browser, action: str, **fields: str) -> Page:
    """The page after a change that is confirmed."""
    page = browser.get(f"administration/change?action={action}")
    values = {**page.fields("administration/change"), "action": action, **fields}
    return browser.send("administration/change", values)


def alert(page: Page) -> str:
    """Why a change was refused."""
    return " ".join(page.tree.xpath("//*[@role='alert']")[0].text_content().split())


def test_a_rule_is_set_shown_removed_and_logged(grid: Grid, root: Browser) -> None:
    """The forms do what ManageDB does, with a notice of what was done."""
    rule = {"kind": "user", "rule": "allowed", "name": "eve@desk", "application": "vasp"}
    form = root.get("administration/rules").tree.xpath("//form[.//input[@value='set_rule']]")[0]
    values = {**dict(form.form_values()), **rule, "job_limit": "-7"}
    made = root.send(f"https://localhost:{grid.port}{form.action}", values)
    link = next(link for link in made.links() if "remove_rule" in link and quote("eve@desk") in link)
    question = root.get(f"https://localhost:{grid.port}{link}")
    asked = grid.rows("SELECT job_limit FROM users_allowed WHERE user_name = 'eve@desk'")
    gone = root.send("administration/change", question.fields("administration/change"))
    log = root.get("administration/log")

    assert "Done: allow user eve@desk, application vasp, limit -7" in made.text
    assert "Remove the rule?" in question.text
    assert asked == [{"job_limit": -7}]
    assert grid.rows("SELECT * FROM users_allowed WHERE user_name = 'eve@desk'") == []
    assert "Done: remove what is allowed for user eve@desk" in gone.text
    first = " ".join(log.tree.xpath("//tbody/tr")[0].text_content().split())
    assert "root@desk web interface remove what is allowed for user eve@desk, application vasp" in first


def test_a_removal_is_asked_for_first(grid: Grid, root: Browser) -> None:
    """A form that removes something shows the question unless that was answered."""
    grid.resource()
    form = root.get("administration/change?action=resume").fields("administration/change")
    del form["confirmed"]

    page = root.send("administration/change", {**form, "action": "remove_resource", "name": "res1@cluster"})

    assert "Remove the resource?" in page.text
    assert len(grid.rows("SELECT * FROM active_resources WHERE resource_name = 'res1@cluster'")) == 1


def test_a_resource_is_drained_resumed_and_removed(grid: Grid, root: Browser) -> None:
    """With the reason that users see."""
    grid.resource()
    name = "res1@cluster"

    drained = change(root, "drain", name=name, reason="new disks")
    shown = " ".join(drained.tree.xpath("//main")[0].text_content().split())
    change(root, "resume", name=name)
    resumed = grid.rows("SELECT drained_since FROM active_resources WHERE resource_name = %s", name)
    change(root, "remove_resource", name=name)

    assert ": new disks" in shown
    assert resumed == [{"drained_since": 0}]
    assert grid.rows("SELECT * FROM active_resources WHERE resource_name = %s", name) == []


def test_a_resource_is_registered_with_its_certificate(grid: Grid, root: Browser) -> None:
    """A certificate for another name is refused, and the form keeps what was typed."""
    pem = grid.people.resource("res7@cluster").certificate.read_text()
    wrong = change(root, "add_resource", name="res8@cluster", url="res8@cluster", certificate=pem)

    made = change(root, "add_resource", name="res7@cluster", url="res7@cluster", certificate=pem)

    assert (wrong.status, "the certificate is for 'res7@cluster'" in alert(wrong)) == (400, True)
    assert wrong.tree.xpath("//input[@id='add_resource-name']/@value") == ["res8@cluster"]
    assert "Done: register resource res7@cluster" in made.text


def test_a_user_is_revoked_and_readmitted(grid: Grid, root: Browser) -> None:
    """The pages of the user are refused from the next one on; the last administrator stays."""
    user = Browser(grid)
    user.get()

    change(root, "revoke", name="mark@laptop", reason="left")
    refused = user.get()
    change(root, "readmit", name="mark@laptop")
    last = change(root, "revoke", name="root@desk")

    assert (refused.status, user.get().status) == (403, 200)
    assert "last administrator" in alert(last)


def test_weights_mail_urgent_rights_and_administrators_are_managed(grid: Grid, root: Browser) -> None:
    """Each with a form and, to remove it, a link."""
    done = [
        change(root, "set_share", kind="group", name="theor", weight="2.5"),
        change(root, "set_mail", name="mark@laptop", address="mark@example.org"),
        change(root, "set_urgent", name="theor", job_limit="2"),
        change(root, "add_administrator", name="carl@desk"),
    ]
    users = root.get("administration/users")
    removed = [
        change(root, "remove_share", kind="group", name="theor"),
        change(root, "remove_mail", name="mark@laptop"),
        change(root, "remove_urgent", name="theor"),
        change(root, "remove_administrator", name="carl@desk"),
    ]

    assert [page.status for page in (*done, *removed)] == [200] * 8
    assert all("Done: " in page.text for page in (*done, *removed))
    assert all(word in users.text for word in ("2.5", "mark@example.org", "carl@desk"))
    assert "carl@desk" not in root.get("administration/users").text


def test_a_token_of_a_user_is_revoked(grid: Grid, root: Browser) -> None:
    """It is listed without its text, and its next use is refused."""
    text = new_token(grid.user(), scope="read")
    (row,) = grid.rows("SELECT token_id FROM api_tokens")
    listed = root.get("administration/users").text

    done = change(root, "revoke_token", token_id=str(row["token_id"]))
    again = change(root, "revoke_token", token_id=str(row["token_id"]))

    assert "mark@laptop" in listed
    assert text not in listed
    assert "Done: revoke token" in done.text
    assert grid.rows("SELECT token_id FROM api_tokens") == []
    assert (again.status, "nothing was changed" in alert(again)) == (400, True)


def test_the_newest_change_is_taken_back_once(grid: Grid, root: Browser) -> None:
    """A second administrator who is too late is told so."""
    change(root, "set_rule", kind="user", rule="denied", name="eve@desk", application="any")
    link = next(one for one in root.get("administration/log").links() if "action=undo" in one)
    shown = root.get(f"https://localhost:{grid.port}{link}")
    question = shown.fields("administration/change")

    first = root.send("administration/change", question)
    late = root.send("administration/change", question)

    assert "deny user eve@desk" in shown.text
    assert "Done: take back update" in first.text
    assert (late.status, alert(late).startswith("Nothing was changed")) == (400, True)
    assert grid.rows("SELECT * FROM users_denied") == []


CHANGES = [
    ("set_rule", {"kind": "user", "rule": "denied", "name": "any", "application": "any"}),
    ("remove_rule", {"kind": "user", "rule": "allowed", "name": "any"}),
    ("set_share", {"kind": "user", "name": "mark@laptop", "weight": "1000"}),
    ("remove_resource", {"name": "res1@cluster"}),
    ("drain", {"name": "res1@cluster"}),
    ("add_administrator", {"name": "mark@laptop"}),
    ("remove_administrator", {"name": "root@desk"}),
    ("revoke", {"name": "root@desk"}),
    ("set_urgent", {"name": "theor", "job_limit": "9"}),
    ("set_mail", {"name": "root@desk", "address": "eve@example.org"}),
    ("undo", {"version": "1"}),
]


@pytest.mark.parametrize("who", ["user", "unlisted", "elsewhere", "no token"])
def test_others_change_nothing(grid: Grid, root: Browser, who: str) -> None:
    """A user, a member of the group who is not on the list, another site, and a form without its token."""
    grid.resource()
    tables = ("users_allowed", "users_denied", "share_weights", "active_resources", "administrators")
    before = [grid.rows(f"SELECT * FROM {table}") for table in (*tables, "administration_log")]
    browser = {"user": Browser(grid), "unlisted": Browser(grid, "carl@desk", ("admin",))}.get(who, root)
    token = browser.get("submit").fields()["token"] if who != "no token" else "x"
    headers = {**FROM_OURS, "Sec-Fetch-Site": "cross-site"} if who == "elsewhere" else FROM_OURS

    for action, fields in CHANGES:
        values = {"action": action, "confirmed": "1", "token": token, "groups": "admin", **fields}
        page = browser.send("administration/change", values, headers=headers)
        assert page.status in {400, 403}
        assert not re.search("Done: ", page.text)
    answers = [browser.get(f"administration/change?action={action}").status for action, _ in CHANGES]

    assert set(answers) == ({403} if who in {"user", "unlisted"} else {200})
    assert [grid.rows(f"SELECT * FROM {table}") for table in (*tables, "administration_log")] == before


def test_pages_of_administrators_are_read_by_the_group(grid: Grid, root: Browser) -> None:
    """Who is not on the list has no forms, and is told how to get there; others see none of it."""
    grid.run("INSERT INTO users_denied VALUES ('eve@desk', 'any')")
    unlisted, user = Browser(grid, "carl@desk", ("admin",)), Browser(grid)

    for path in PAGES:
        assert root.get(path).status == unlisted.get(path).status == 200
        refused = user.get(path)
        assert (refused.status, "eve@desk" in refused.text) == (403, False)
    # Nothing is looked for before the caller is known.
    queries = [f"{name}={'1' * 300}" for name in ("users?after", "log?before", "rules?named")]
    assert [user.get(f"administration/{query}").status for query in queries] == [403] * 3
    page = unlisted.get("administration/rules")
    assert page.tree.xpath("//form[contains(@action, 'administration/change')]") == []
    assert "ManageDB add users admin --name carl@desk" in page.text


def test_hostile_words_stay_words(grid: Grid, root: Browser) -> None:
    """In stored rows, in addresses, and in forms that are refused."""
    for table in ("users_denied", "groups_denied"):
        grid.run(f"INSERT INTO {table} VALUES (%s, 'any')", HOSTILE)
    grid.run("INSERT INTO notification_users VALUES (%s, %s, '')", HOSTILE, HOSTILE)
    grid.run("INSERT INTO revoked_users VALUES (%s, 1, %s, %s, 0)", HOSTILE, HOSTILE, HOSTILE)
    grid.run("INSERT INTO administrators VALUES (%s, 1, %s)", HOSTILE, HOSTILE)
    grid.run("INSERT INTO share_weights VALUES (%s, 2)", f"user {HOSTILE}")
    grid.run(
        "INSERT INTO administration_log (changed_at, changed_by, means, description) VALUES (1, %s, %s, %s)",
        *(HOSTILE, HOSTILE, HOSTILE),
    )
    pages = [root.get(path) for path in PAGES]
    pages.append(root.get(f"administration/rules?named={quote(HOSTILE)}"))
    pages.append(
        root.get(f"administration/change?action=drain&name={quote(HOSTILE)}&reason={quote(HOSTILE)}")
    )
    pages.append(change(root, "add_resource", name=HOSTILE, url=HOSTILE, certificate=f"</textarea>{HOSTILE}"))
    pages.append(root.get(f"administration/change?action={quote(HOSTILE)}"))

    assert [page.status for page in pages] == [200] * (len(PAGES) + 2) + [400, 400]
    for page in pages:
        assert page.tree.xpath("//script[not(@src)]") == []
        assert "script-src 'self'" in page.answer.headers["Content-Security-Policy"]


@pytest.mark.parametrize(
    ("action", "fields"),
    [
        ("set_rule", {"kind": "job", "rule": "allowed", "name": "a", "application": "any"}),
        ("set_rule", {"kind": "user", "rule": "x; DROP", "name": "a", "application": "any"}),
        (
            "set_rule",
            {"kind": "user", "rule": "allowed", "name": "a", "application": "any", "job_limit": "x"},
        ),
        ("set_share", {"kind": "user", "name": "a", "weight": "nan"}),
        ("set_mail", {"name": "a", "address": "x\r\nBcc: all"}),
        ("set_urgent", {"name": "any", "job_limit": "1"}),
        ("resume", {"name": "nobody@cluster"}),
        ("undo", {"version": "99999"}),
        ("set_rule", {"kind": "user", "rule": "allowed", "name": "a" * 300, "application": "any"}),
    ],
)
def test_bad_input_is_refused_and_kept_in_the_form(
    grid: Grid, root: Browser, action: str, fields: dict[str, str]
) -> None:
    """With the reason; the log has no entry of it."""
    page = change(root, action, **fields)

    assert page.status == 400
    assert alert(page).startswith("Nothing was changed")
    assert grid.rows("SELECT * FROM administration_log") == []


def test_many_rules_are_shown_in_part(grid: Grid, root: Browser) -> None:
    """A page stays below 100 kB or so, and the rules of a name are found."""
    names = [f"user{number:04}@desk" for number in range(450)]
    rows = ", ".join(["(%s, 'any')"] * len(names))
    grid.run(f"INSERT INTO users_denied VALUES {rows}", *names)

    page, found = root.get("administration/rules"), root.get("administration/rules?named=user0444@desk")

    assert "250 more" in page.text
    assert len(page.answer.content) < 120_000
    assert "user0444@desk" in found.tree.xpath("//tbody")[0].text_content()
