"""Last of this folder by its name: the workers that its tests share are not the same any more afterwards."""

import re

from playwright.sync_api import expect

from memguard.commands import WAITING_SECONDS
from tests.browser.conftest import Shop
from tests.browser.test_actions import do
from tests.browser.visiting import Visitor
from tests.live.live import eventually


def test_a_worker_is_replaced_from_the_page(visitor: Visitor, shop: Shop) -> None:
    """It says that it leaves, and goes; another one serves in its place, and the page shows both."""
    page = visitor.open("/actions")
    box = page.get_by_role("checkbox").first
    pid = int(str(box.get_attribute("value")))
    box.check()
    do(page, "Recycle")
    done = page.locator("tbody tr", has_text="Recycle").filter(has_text=str(pid))
    expect(done.locator(".command")).to_have_text(["done"], timeout=WAITING_SECONDS * 1000)

    def replaced() -> set[int]:
        serving = {each["pid"] for each in shop.web.report()["workers"] if each["alive"]}
        return serving if pid not in serving and len(serving) == 2 else set()

    serving = eventually(lambda: shop.web.worker_pids(2) and replaced(), f"a worker in the place of {pid}")
    visitor.open()
    expect(page.get_by_role("row", name=f"web {pid}").locator(".state")).to_have_text(re.compile("stopped|gone"))
    for each in serving:
        expect(page.get_by_role("row", name=f"web {each}").locator(".state")).to_have_text("serving")
