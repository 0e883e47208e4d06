from playwright.sync_api import Browser, expect

from tests.browser.conftest import Shop
from tests.browser.visiting import Visitor
from tests.live.live import TOKEN

SCREENS = [
    "",
    "/timeline",
    "/operations",
    "/units?operation=GET+%2Fboom",
    "/objects",
    "/snapshots",
    "/actions",
    "/lines",
    "/inspected",
    "/findings/{fingerprint}",
]


def test_every_screen_serves_everybody(visitor: Visitor, shop: Shop) -> None:
    """Landmarks, names, tables, contrast, in light and dark; and no screen is wider than a phone."""
    wrong = {}
    for screen in SCREENS:
        page = visitor.open(screen.format(fingerprint=shop.fingerprint))
        page.emulate_media(color_scheme="light")
        page.set_viewport_size({"width": 1280, "height": 900})
        found = visitor.shortcomings()
        page.emulate_media(color_scheme="dark")
        page.set_viewport_size({"width": 390, "height": 900})
        found += visitor.shortcomings("color-contrast")
        found += [f"{visitor.overflow} px too wide"] if visitor.overflow > 0 else []
        if found:
            wrong[screen] = found

    assert wrong == {}


def test_the_login_serves_everybody(browser: Browser, shop: Shop) -> None:
    """As the screens behind it: also where the token was wrong, which a screen reader is told."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    visitor = Visitor(context.new_page(), shop.base)
    page = visitor.page
    page.goto(f"{shop.base}/login")
    found = visitor.shortcomings()
    page.get_by_label("Token").fill("a wrong token")
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("alert").wait_for()
    found += visitor.shortcomings()
    page.emulate_media(color_scheme="dark")
    page.set_viewport_size({"width": 390, "height": 900})
    found += visitor.shortcomings("color-contrast")

    assert found == []
    assert visitor.overflow <= 0
    context.close()


def test_every_screen_is_a_click_away(visitor: Visitor) -> None:
    """The header leads to each of them, on a phone too, and says on which one one is."""
    page = visitor.open()
    page.set_viewport_size({"width": 390, "height": 900})
    screens = page.get_by_role("navigation", name="Screens").get_by_role("link")

    for name in screens.all_inner_texts():
        screens.get_by_text(name, exact=True).click()
        expect(screens.get_by_text(name, exact=True)).to_have_attribute("aria-current", "page")
        expect(page.get_by_role("heading", level=1)).to_be_visible()


def test_the_keyboard_reaches_the_content_at_once(visitor: Visitor) -> None:
    """The first stop skips the header."""
    page = visitor.open("/operations")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()


def test_without_a_script_everything_is_there_to_read(browser: Browser, shop: Shop) -> None:
    """Each screen has its content, a search works, and what needs a script says so."""
    headers = {"Authorization": f"Bearer {TOKEN}"}
    context = browser.new_context(java_script_enabled=False, extra_http_headers=headers)
    page = context.new_page()
    for screen in SCREENS:
        page.goto(shop.base + screen.format(fingerprint=shop.fingerprint))
        assert page.locator("main").inner_text().count("\n") > 3
    page.goto(f"{shop.base}/actions")
    expect(page.get_by_text("Actions need JavaScript.")).to_be_visible()
    expect(page.get_by_role("button", name="Do it…")).to_be_hidden()
    page.goto(f"{shop.base}/operations")
    page.get_by_role("searchbox").fill("leak")
    page.get_by_role("button", name="Search").click()
    expect(page.locator("tbody tr")).to_have_count(1)
    context.close()


def test_who_wants_no_motion_gets_none(visitor: Visitor) -> None:
    """No spinner turns, nothing slides."""
    page = visitor.open("/actions")
    page.emulate_media(reduced_motion="reduce")
    moving = """() => {
        const made = document.createElement("span");
        made.className = "command running";
        document.body.append(made);
        return getComputedStyle(made, "::after").animationName;
    }"""

    assert page.evaluate(moving) == "none"
