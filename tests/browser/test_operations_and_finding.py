import ast
import re
from pathlib import Path

from playwright.sync_api import expect

from tests.browser.conftest import LEAK, Shop
from tests.browser.visiting import Visitor
from tests.live.reports import marked_line

APPLICATION, LINE = marked_line("example_apps/flask_app/app.py")


def test_operations_are_searched_as_one_types_and_sorted_by_a_click(visitor: Visitor, shop: Shop) -> None:
    """Without a reload; the address says it, and the back button undoes it."""
    page = visitor.open("/operations")
    page.evaluate("window.notReloaded = true")
    rows = page.locator("tbody tr")
    page.get_by_role("columnheader", name="Errors").get_by_role("link").click()
    expect(page.get_by_role("columnheader", name="Errors")).to_have_attribute("aria-sort", "descending")
    expect(rows.first).to_contain_text("GET /boom")
    page.get_by_role("searchbox").press_sequentially("lea")
    expect(rows).to_have_count(2)  # leak and clean
    expect(page).to_have_url(f"{shop.base}/operations?q=lea&sort=errors&order=down")
    page.get_by_role("link", name="leaks").click()
    expect(rows).to_have_count(1)
    page.go_back()
    expect(rows).to_have_count(2)

    assert page.evaluate("window.notReloaded")


def test_the_finding_shows_the_line_the_chain_and_what_to_do(visitor: Visitor, shop: Shop) -> None:
    """From the overview one click leads to all of the evidence of the leak that was planted."""
    page = visitor.open()
    expect(page.get_by_role("heading", level=1)).to_contain_text("GET /leak leaks")
    page.get_by_role("article").get_by_role("link", name=LEAK).click()
    expect(page).to_have_url(f"{shop.base}/findings/{shop.fingerprint}")
    source = page.get_by_role("region", name=re.compile("^Source")).first  # the site that most of the residue is from
    blamed = source.locator(".line.blamed")
    expect(blamed.locator(".no")).to_have_text(re.compile(rf"\s*{LINE}"))
    expect(blamed.locator("code")).to_have_text(
        APPLICATION.read_text().splitlines()[LINE - 1].strip(), use_inner_text=True
    )
    expect(source.locator(".line")).to_have_count(11)
    drawing = page.locator("svg.drawing")
    expect(drawing.locator("g.root")).to_contain_text("module example_apps.flask_app.app")
    expect(drawing.locator("g.growing")).to_contain_text("▲ +1 per request")
    expect(drawing.locator("g.residue")).to_contain_text("Context")
    expect(page.get_by_text("A container that only grows")).to_be_visible()
    boxes = drawing.locator("rect.box").evaluate_all("nodes => nodes.map((each) => each.getBoundingClientRect().top)")
    assert boxes == sorted(boxes), "the root is on top"


def test_names_fit_into_their_boxes(visitor: Visitor, shop: Shop) -> None:
    """The picture is laid out by the server, which does not know the browser's font."""
    page = visitor.open(f"/findings/{shop.fingerprint}")
    too_wide = page.locator("svg.drawing g.node").evaluate_all("""nodes => nodes.filter((node) => {
        const box = node.querySelector(".box").getBoundingClientRect();
        return [...node.querySelectorAll("text")].some((text) => text.getBoundingClientRect().right > box.right - 2);
    }).length""")

    assert too_wide == 0


def test_a_finding_is_copied_as_an_issue(visitor: Visitor, shop: Shop) -> None:
    """In Markdown, onto the clipboard."""
    page = visitor.open(f"/findings/{shop.fingerprint}")
    page.get_by_role("button", name="Copy as an issue").click()
    expect(page.get_by_role("status").filter(has_text="Copied.")).to_be_visible()
    copied = page.evaluate("navigator.clipboard.readText()")

    assert LEAK in copied
    assert f"app.py:{LINE}" in copied


def test_without_the_clipboard_a_selection_is_copied(visitor: Visitor, shop: Shop) -> None:
    """Browsers give the clipboard to https and to this machine alone."""
    page = visitor.page
    page.add_init_script("Object.defineProperty(navigator, 'clipboard', { value: undefined })")
    visitor.open(f"/findings/{shop.fingerprint}")
    page.get_by_role("button", name="Copy as an issue").click()

    expect(page.get_by_role("status").filter(has_text="Copied.")).to_be_visible()


def test_the_reproduction_is_downloaded(visitor: Visitor, shop: Shop, tmp_path: Path) -> None:
    """As a file of Python's that can be put among the tests."""
    page = visitor.open(f"/findings/{shop.fingerprint}")
    with page.expect_download() as started:
        page.get_by_role("link", name="Download a test").click()
    target = tmp_path / started.value.suggested_filename
    started.value.save_as(target)

    assert target.name == f"test_leak_{shop.fingerprint}.py"
    assert any(isinstance(each, ast.FunctionDef) for each in ast.parse(target.read_text()).body)


def test_units_of_one_operation(visitor: Visitor, shop: Shop) -> None:
    """Chosen from the list, without a reload; each unit has its figures."""
    page = visitor.open("/units")
    page.get_by_label("Operation").select_option("GET /boom")
    expect(page).to_have_url(f"{shop.base}/units?operation=GET+%2Fboom")
    names = page.locator("tbody tr .name")
    expect(names.first).to_have_text("GET /boom")

    assert set(names.all_inner_texts()) == {"GET /boom"}
    expect(page.locator("tbody tr").first).to_contain_text("failed")
