import re
from datetime import datetime

from playwright.sync_api import Page, expect

from tests.browser.conftest import Shop
from tests.browser.visiting import Visitor
from tests.live.live import eventually

SUSPECT = "#855000"
"""The colour of what is to be looked at, on the light ground."""
STRETCH = re.compile(r"/timeline\?since=(\d+)&until=(\d+)$")


def drawn(page: Page, part: str, colour: str) -> int:
    """Return how many pixels of a chart have a colour, given like `#14568f`."""
    wanted = [int(colour[place : place + 2], 16) for place in (1, 3, 5)]
    pixels = page.locator(f"[data-part={part}] canvas").evaluate(
        """(canvas, wanted) => {
            const copy = new OffscreenCanvas(canvas.width, canvas.height).getContext("2d", { willReadFrequently: true });
            copy.drawImage(canvas, 0, 0);
            const { data } = copy.getImageData(0, 0, canvas.width, canvas.height);
            let count = 0;
            for (let place = 0; place < data.length; place += 4) {
                if (wanted.every((value, channel) => data[place + channel] === value)) count += 1;
            }
            return count;
        }""",
        wanted,
    )
    return int(pixels)


def hue(page: Page, place: int) -> str:
    """Return the colour of a worker's line."""
    return str(page.locator("[data-part=legend] circle").nth(place).get_attribute("fill"))


def stretch(page: Page) -> tuple[int, int]:
    """Return from when to when the address says that is shown."""
    expect(page).to_have_url(STRETCH)
    found = STRETCH.search(page.url)
    assert found
    return int(found[1]), int(found[2])


def test_the_memory_of_each_worker_and_of_all_is_drawn(visitor: Visitor) -> None:
    """With both workers in the legend, and what happened as marks and in words."""
    page = visitor.open("/timeline")
    expect(page.locator("[data-part=legend] button")).to_have_count(2)
    expect(page.locator("[data-part=readout]")).to_contain_text("in 2 workers")

    assert drawn(page, "sum", hue(page, 0)) > 100
    assert drawn(page, "each", hue(page, 0)) > 20
    assert drawn(page, "each", hue(page, 1)) > 20
    expect(page.get_by_role("listitem").filter(has_text="was accused of a leak").first).to_be_visible()


def test_a_worker_is_hidden_and_shown_again(visitor: Visitor) -> None:
    """By its button in the legend, which says whether it is drawn."""
    page = visitor.open("/timeline")
    button = page.locator("[data-part=legend] button").first
    button.wait_for()
    button.click()
    expect(button).to_have_attribute("aria-pressed", "false")
    expect(button).to_be_focused()
    assert drawn(page, "each", hue(page, 0)) == 0
    assert drawn(page, "each", hue(page, 1)) > 20
    button.press("Enter")
    expect(button).to_have_attribute("aria-pressed", "true")
    assert drawn(page, "each", hue(page, 0)) > 20


def test_zoom_and_pan_by_mouse_keys_and_buttons(visitor: Visitor) -> None:
    """The address follows, so that what one sees can be sent to a colleague."""
    page = visitor.open("/timeline")
    page.locator("[data-part=legend] button").first.wait_for()
    page.get_by_role("link", name="1 h").click()
    expect(page).to_have_url(re.compile(r"\?seconds=3600$"))
    expect(page.get_by_role("link", name="1 h")).to_have_attribute("aria-current", "true")
    page.get_by_role("button", name="Zoom out").click()
    since, until = stretch(page)
    assert until - since == 7200
    page.get_by_role("group", name="RSS over time").focus()
    page.keyboard.press("+")
    page.keyboard.press("+")
    expect(page).not_to_have_url(re.compile(f"since={since}"))
    since, until = stretch(page)
    assert until - since == 1800
    page.keyboard.press("ArrowLeft")
    expect(page).not_to_have_url(re.compile(f"since={since}"))
    earlier, _ = stretch(page)
    assert earlier == since - 450

    page.get_by_role("link", name="10 min").click()
    expect(page).to_have_url(re.compile(r"\?seconds=600$"))
    # The chart is made anew once the answer names other workers than the stretch before: earlier there were none.
    expect(page.locator("[data-part=legend] button")).to_have_count(2)
    over = page.locator("[data-part=each] .u-over")
    expect(over).to_be_visible()
    box = over.bounding_box()
    assert box
    middle = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + box["width"] * 0.25, middle)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.75, middle, steps=4)
    page.mouse.up()
    since, until = stretch(page)
    assert 60 <= until - since <= 400


def test_a_linked_stretch_is_shown_as_it_was_left(visitor: Visitor) -> None:
    """Also one of which nothing is known."""
    page = visitor.open("/timeline?since=1000000&until=1003600")

    expect(page.get_by_text("Nothing is known of this time.")).to_be_visible()
    expect(page.get_by_text("No worker reported in this time.")).to_be_visible()


def test_the_cursor_tells_the_values_under_it(visitor: Visitor) -> None:
    """Of each worker, and of all together."""
    page = visitor.open("/timeline")
    page.locator("[data-part=legend] button").first.wait_for()
    box = page.locator("[data-part=sum] .u-over").bounding_box()
    assert box
    page.mouse.move(box["x"] + 3, box["y"] + 40)

    expect(page.locator("[data-part=readout]")).to_have_text(re.compile(r"^20\d\d-.* UTC: .*B in \d workers?$"))


def test_an_alert_is_marked_where_it_was_raised(visitor: Visitor, shop: Shop) -> None:
    """By a sign that the legend explains, and told in the list under the chart by its own text."""

    def raised() -> str | None:
        alerts = [event for event in shop.web.report()["events"] if event["type"] == "alert"]
        return str(alerts[-1]["at"]) if alerts else None

    at = datetime.fromisoformat(eventually(raised, "an alert")).timestamp()
    page = visitor.open(f"/timeline?since={at - 40:.0f}&until={at + 40:.0f}")
    page.locator("[data-part=legend] button").first.wait_for()

    assert drawn(page, "sum", SUSPECT) > 20
    legend = page.get_by_role("list", name="Signs").get_by_role("listitem")
    expect(legend.filter(has_text=re.compile(r"^◆\s*alert$"))).to_be_visible()
    told = page.get_by_role("listitem").filter(has_text="An alert was raised")
    expect(told.first).to_contain_text(re.compile(r"The web worker \d+ on .* uses .*MB, over 1\.00 MB"))
