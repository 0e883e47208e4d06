import re

from playwright.sync_api import Page, expect

from tests.browser.conftest import Shop
from tests.browser.visiting import Visitor


def do(page: Page, action: str, *, confirm: bool = True) -> None:
    """Choose an action, and answer the question that follows."""
    page.get_by_role("radio", name=re.compile(f"^{action}")).check()
    page.get_by_role("button", name="Do it…").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text(action)
    dialog.get_by_role("button", name=action if confirm else "Cancel").click()
    expect(dialog).to_have_count(0)


def test_nothing_is_done_without_a_confirmation(visitor: Visitor) -> None:
    """Cancel and Escape leave everything as it was."""
    page = visitor.open("/actions")
    before = page.locator("#commands ~ *, tbody tr").count()
    do(page, "Collect garbage", confirm=False)
    page.get_by_role("button", name="Do it…").click()
    expect(page.get_by_role("dialog").get_by_role("button", name="Cancel")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)

    expect(page.locator("#asked")).to_be_empty()
    assert page.locator("#commands ~ *, tbody tr").count() == before


def test_all_workers_are_asked_and_say_what_it_gave(visitor: Visitor) -> None:
    """RSS before and after, and how many objects were freed."""
    page = visitor.open("/actions")
    do(page, "Collect garbage")
    expect(page.locator("#asked")).to_contain_text("Asked 2 workers.")
    done = page.locator("tbody tr", has_text="Collect garbage")
    expect(done.locator(".command")).to_have_text(["done", "done"])
    expect(done.first).to_contain_text(re.compile(r"RSS .*B → .*B \(.*\), [\d,]+ objects? freed"))


def test_one_worker_is_asked_alone(visitor: Visitor) -> None:
    """Choosing one takes the mark away from all."""
    page = visitor.open("/actions")
    box = page.get_by_role("checkbox").first
    box.check()
    expect(page.get_by_role("radio", name=re.compile("^All"))).not_to_be_checked()
    do(page, "Trim")

    expect(page.locator("#asked")).to_contain_text("Asked 1 worker.")
    expect(page.locator("tbody tr", has_text="Trim").locator(".command")).to_have_text(["done"])


def test_units_are_followed_line_by_line(visitor: Visitor, shop: Shop) -> None:
    """Of the operation that was chosen; its lines stand beside the source."""
    page = visitor.open("/actions")
    operation, seconds = page.get_by_label("Operation", exact=True), page.get_by_label("for seconds")
    expect(operation).to_be_hidden()
    page.get_by_role("radio", name=re.compile("^Follow lines")).check()
    expect(seconds).to_be_hidden()
    operation.select_option("GET /leak")
    page.get_by_role("spinbutton").last.fill("1")
    do(page, "Follow lines")
    expect(page.locator("#asked")).to_contain_text("Asked 2 workers.")
    expect(page.locator("tbody tr", has_text="1 of GET /leak").locator(".command")).to_have_text(["running", "running"])
    shop.web.load(["/leak"] * 40)
    page.locator("tbody tr", has_text="1 of GET /leak").get_by_role("link", name="Line by line").first.click()

    expect(page.locator(".line.blamed").first).to_contain_text("the line that leaks")


def test_objects_are_looked_into(visitor: Visitor, shop: Shop) -> None:
    """Who holds what the leak leaves: the fields are there for this action alone, and what was found has its screen."""
    shop.web.load(["/leak"] * 40)
    page = visitor.open("/actions")
    way, name = page.get_by_label("What to look for"), page.get_by_label("Type or container")
    expect(way).to_be_hidden()
    page.get_by_role("radio", name=re.compile("^Look into objects")).check()
    way.select_option("Who holds the type")
    name.fill("example_apps.flask_app.app.Context")
    do(page, "Look into objects")
    expect(page.locator("#asked")).to_contain_text("Asked 2 workers.")
    done = page.locator("tbody tr", has_text="chain example_apps.flask_app.app.Context")
    expect(done.locator(".command")).to_have_text(["done", "done"])
    done.get_by_role("link", name="What was found").first.click()

    expect(page.get_by_role("region", name=re.compile("^What was found")).first).to_contain_text("_request_caches")
    expect(page.get_by_role("link", name="The graph as DOT").first).to_be_visible()


def test_two_snapshots_say_what_has_grown(visitor: Visitor, shop: Shop) -> None:
    """The objects that the leak has left between them are among the types that grew."""
    page = visitor.open("/objects")
    for turn in (1, 2):
        page.get_by_role("button", name="Take a snapshot…").click()
        page.get_by_role("dialog").get_by_role("button", name="Take a snapshot").click()
        expect(page.get_by_role("status").filter(has_text="Asked")).to_be_visible()
        if turn == 1:
            expect(page.get_by_role("region", name="Alive").locator("tbody tr").first).to_be_visible()
            shop.web.load(["/leak"] * 40)
    grown = page.get_by_role("region", name="Grown since the snapshot before")

    expect(grown.locator("tr", has_text="flask_app.app.Context")).to_contain_text("+")
    expect(page.get_by_role("region", name="Allocation sites").locator("tbody tr").first).to_contain_text("app.py")
