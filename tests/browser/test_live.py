import os
import re
import signal

from playwright.sync_api import Route, expect

from tests.browser.conftest import Shop
from tests.browser.visiting import Visitor
from tests.live.live import eventually


def units(visitor: Visitor) -> int:
    """Return the units seen, as the overview tells them."""
    return int(visitor.page.locator(".facts div", has_text="units seen").locator("dd").inner_text().replace(",", ""))


def test_new_figures_come_by_themselves(visitor: Visitor, shop: Shop) -> None:
    """Without a reload, while nobody touches the page."""
    visitor.open()
    before = units(visitor)
    shop.web.load(["/clean"] * 8)

    eventually(lambda: units(visitor) >= before + 8, "the new units on the page")


def test_what_one_is_at_survives_a_refresh(visitor: Visitor, shop: Shop) -> None:
    """Focus, typed text, an opened list and a selection stay, though the figures around them change."""
    page = visitor.open("/operations")
    page.locator("summary").first.click()
    page.get_by_role("searchbox").press_sequentially("GET")
    expect(page).to_have_url(f"{shop.base}/operations?q=GET")
    heading = page.locator("h1").evaluate_handle("node => { getSelection().selectAllChildren(node); return node; }")
    page.get_by_role("searchbox").focus()
    shop.web.load(["/clean"] * 4)
    visitor.refresh()

    expect(page.get_by_role("searchbox")).to_be_focused()
    expect(page.get_by_role("searchbox")).to_have_value("GET")
    expect(page.locator("details").first).to_have_attribute("open", "")
    assert heading.evaluate("node => node.isConnected")


def test_it_can_be_paused(visitor: Visitor, shop: Shop) -> None:
    """Then it asks nothing more, and says how old it is."""
    page = visitor.open()
    page.get_by_role("button", name="Pause").click()
    expect(page.locator("#status-text")).to_have_text("Paused")
    expect(page.locator("#age")).to_contain_text("s old")
    before = units(visitor)
    shop.web.load(["/clean"] * 4)
    expect(page.locator("#age")).to_have_text(re.compile("^([3-9]|[0-9]+[0-9]) s old"))
    assert units(visitor) == before

    page.get_by_role("button", name="Resume").click()
    expect(page.locator("#status-text")).to_have_text("Live")
    eventually(lambda: units(visitor) >= before + 4, "the units of the pause")


def test_a_server_that_does_not_answer_is_said_so(visitor: Visitor) -> None:
    """In words, with the age of what is shown; and it is over when the server is back."""
    page = visitor.open()
    page.context.set_offline(True)
    expect(page.get_by_role("alert")).to_contain_text("The server does not answer.")
    expect(page.locator("#age")).to_contain_text("s old")
    expect(page.locator("body")).to_have_class("stale")
    page.context.set_offline(False)
    expect(page.get_by_role("alert")).to_have_count(0)
    expect(page.locator("#status-text")).to_have_text("Live")
    visitor.complaints.clear()  # the browser itself notes each request that failed


def test_a_token_that_has_changed_leads_to_the_login(visitor: Visitor, shop: Shop) -> None:
    """The server's answer is then that of any unknown path; none of it is taken for memguard's."""
    page = visitor.open()

    def unknown(route: Route) -> None:
        route.fulfill(
            status=404, content_type="text/html", body="<main id=main><h1>No such page in the shop</h1></main>"
        )

    page.route(shop.base, unknown)
    expect(page.get_by_role("alert")).to_contain_text("The server no longer shows this page to you")
    expect(page.get_by_text("No such page in the shop")).to_have_count(0)
    expect(page.get_by_role("link", name="Sign in")).to_have_attribute("href", "/_memguard/login")
    visitor.complaints.clear()


def test_a_worker_that_stops_reporting_is_marked(visitor: Visitor, shop: Shop) -> None:
    """Its process is there and says nothing: what stands beside it is old. Another one answers the page meanwhile."""
    pid = shop.web.report()["workers"][0]["pid"]
    os.kill(pid, signal.SIGSTOP)  # before the browser has a connection that this very worker would have to answer
    try:
        row = visitor.open().get_by_role("row", name=f"web {pid}")
        expect(row.locator(".state")).to_have_text("silent")
        expect(row).to_contain_text("has not reported for")
    finally:
        os.kill(pid, signal.SIGCONT)
    expect(row.locator(".state")).to_have_text("serving")
