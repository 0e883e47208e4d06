import json
import re

from playwright.sync_api import expect

from memguard import allocations
from tests.browser.conftest import Shop
from tests.browser.visiting import Visitor


def test_a_snapshot_is_taken_drawn_narrowed_and_downloaded(visitor: Visitor, shop: Shop) -> None:
    """While a worker traces; the drawing comes by itself, a click on a call narrows it, and a file is what was drawn."""
    shop.web.load(["/leak"] * 40)
    page = visitor.open("/snapshots")
    page.get_by_role("button", name="Take a snapshot…").click()
    page.get_by_role("dialog").get_by_role("button", name="Take a snapshot").click()
    said = page.get_by_role("status").filter(has_text="Asked 2 workers.")
    expect(said).to_be_visible()
    said.evaluate("said => said.replaceWith(said.cloneNode(false))")
    expect(said, "a screen that is made anew goes on saying it").to_be_visible()
    expect(page.locator("svg.flame")).to_be_visible()
    # By its name: as the other worker's snapshot comes it takes the place of this one, the newest until then.
    drawn = page.locator("select[name=id]").input_value()
    page = visitor.open(f"/snapshots?id={drawn}")
    calls = page.locator("svg.flame a")
    expect(page.locator("svg.flame")).to_be_visible()
    leak = calls.filter(has_text=re.compile(r"^leak\b")).last
    whole = calls.count()
    leak.click()

    expect(page).to_have_url(re.compile(r"[?&]zoom=[\d.]+"))
    expect(page.get_by_role("link", name="Show all")).to_be_visible()
    expect(leak.locator("svg")).to_have_attribute("width", "100.000%")
    narrowed = calls.count()
    with page.expect_download() as speedscope:
        page.get_by_role("link", name="speedscope", exact=True).click()
    with page.expect_download() as snapshot:
        page.get_by_role("link", name="memguard snapshot").click()
    assert any(
        frame["name"].startswith("leak")
        for frame in json.loads(speedscope.value.path().read_text())["shared"]["frames"]
    )
    assert allocations.read(snapshot.value.path()).bytes > 0
    page.get_by_role("link", name="Show all").click()
    expect(calls).to_have_count(whole)
    assert narrowed < whole
