"""Sharing on the page of a job: who has access beside its owners, and the forms that change it."""

from tests.support.grid import Grid
from tests.support.pages import Browser, Page

BOB = "bob@desk"


def shares(page: Page) -> list[str]:
    """The lines about users and groups with access."""
    return [line.text_content().strip() for line in page.tree.xpath("//ul[@class='shares']/li/span")]


def access(grid: Grid) -> str:
    """Who may read the only job and, behind a bar, change it."""
    (row,) = grid.rows("SELECT read_access, write_access FROM job_queue")
    return f"{row['read_access']} | {row['write_access']}"


def test_a_job_is_shared_and_unshared_on_its_page(grid: Grid) -> None:
    """With users for reading and groups for changes; those see it at once, and with what rights."""
    grid.resource()
    job_id = grid.user().submit()
    browser, bob = Browser(grid), Browser(grid, BOB, ("science",))

    alone = browser.get(f"jobs/{job_id}")
    browser.fill(f"jobs/{job_id}", "/share", share_with=BOB)
    shared = browser.fill(f"jobs/{job_id}", "/share", share_with="chem, any", right="write")
    seen = bob.get(f"jobs/{job_id}")
    unshared = browser.fill(f"jobs/{job_id}", "/unshare", no_access="any")

    assert "Shared with Nobody else." in alone.text
    lines = ["bob@desk may read it", "chem may read and change it"]
    assert shares(shared) == shares(seen) == [*lines, "any (everybody) may read and change it"]
    assert shares(unshared) == lines
    assert access(grid) == "admin, mark@laptop, bob@desk, chem | admin, mark@laptop, chem"
    assert "no longer shared with any" in unshared.text


def test_the_forms_to_share_are_for_owners(grid: Grid) -> None:
    """Not for others who may change the job, nor for administrators; an owner has no button of its own."""
    grid.resource()
    job_id = grid.user().submit(write_access=f"{BOB}, theor")

    forms = {
        name: Browser(grid, name, groups)
        .get(f"jobs/{job_id}")
        .tree.xpath("//form[contains(@action, 'share')]")
        for name, groups in (("mark@laptop", ("theor", "x")), (BOB, ("science",)), ("root@desk", ("admin",)))
    }

    assert [len(found) for found in forms.values()] == [2, 0, 0]
    names = forms["mark@laptop"][0].xpath(".//button/@value")
    assert names == [BOB]


def test_a_wrong_share_is_told_at_its_field(grid: Grid) -> None:
    """With what was typed; nothing is changed, also of what no form of the page asks for."""
    grid.resource()
    job_id = grid.user().submit(read_access=BOB)
    browser = Browser(grid)
    before = access(grid)

    too_long = browser.fill(f"jobs/{job_id}", "/share", share_with="x" * 250, right="write")
    others = [
        browser.fill(f"jobs/{job_id}", "/share", share_with=" , "),
        browser.fill(f"jobs/{job_id}", "/share", share_with="eve@desk", right="own"),
        browser.fill(f"jobs/{job_id}", "/unshare", no_access="mark@laptop"),
    ]

    (told,) = too_long.tree.xpath("//*[@id='share_with-fault']")
    (field,) = too_long.tree.xpath("//*[@aria-invalid='true']")
    assert "read_access is too big" in told.text_content()
    assert "share_with-fault" in field.get("aria-describedby")
    assert too_long.fields("/share")["share_with"] == "x" * 250
    assert too_long.fields("/share")["right"] == "write"
    assert not too_long.tree.xpath("//@data-news")
    assert [page.status for page in (too_long, *others)] == [400, 400, 400, 403]
    assert access(grid) == before


def test_a_forged_or_foreign_share_changes_nothing(grid: Grid) -> None:
    """A token of the session is needed, and the right to change the job; others see none there."""
    grid.resource()
    job_id = grid.user().submit(read_access=BOB)
    before = access(grid)
    mark, bob, eve = Browser(grid), Browser(grid, BOB, ("science",)), Browser(grid, "eve@desk", ("evil",))
    sent = {"share_with": "eve@desk", "no_access": BOB}

    statuses = [
        browser.send(f"jobs/{job_id}/{action}", sent | token).status
        for action in ("share", "unshare")
        for browser, token in (
            (mark, {}),
            (mark, {"token": "0" * 64}),
            *((one, {"token": one.get("submit").fields()["token"]}) for one in (bob, eve)),
        )
    ]

    assert statuses == [403, 403, 403, 404] * 2
    assert access(grid) == before
