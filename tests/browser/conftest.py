"""A browser, and the page of real gunicorn workers with a real leak in front of it."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, StorageState, expect, sync_playwright

from example_apps import commands
from example_apps.servers import Servers
from tests.browser.installing import executable
from tests.browser.visiting import FLAGS, Visitor
from tests.live.live import TOKEN, Web, eventually, spread, web_server
from tests.live.reports import finding
from tests.missing import missing

LEAK = "GET /leak"
ALERT_RULE = "rss > 1MB"
"""Every worker is over it, from the first look on."""
EXPECTED_WITHIN = 60_000
"""Milliseconds for what a screen must come to show, on a machine that has other work."""
MENU = {"/leak": 12, "/clean": 8, "/bounded_cache": 4, "/cycle": 2, "/stream": 2, "/boom": 2}
SECONDS_MOST = 240.0
SECONDS_PER_ROUND = 0.4


@pytest.hookimpl(tryfirst=True)  # before pytest-xdist reads the marker
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark every test of this folder as one that starts servers, and a browser; all share both."""
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.live)
            item.add_marker(pytest.mark.browser)
            item.add_marker(pytest.mark.xdist_group("browser"))


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """One Chromium for all of these tests; closed with them, because its event loop must not outlive them."""
    path = executable()
    if path is None:
        missing("there is no Chromium, and no apt-get that could install it")
    expect.set_options(timeout=EXPECTED_WITHIN)
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield started
        started.close()


@dataclass(frozen=True)
class Shop:
    """Gunicorn with two workers, one operation of which leaks and is named.

    Attributes:
        base: The address of its page.
        fingerprint: Of the finding.
    """

    web: Web
    base: str
    fingerprint: str


@pytest.fixture(scope="package")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """The shop after enough of a load, in trace mode so that every screen has something to show."""
    command = commands.gunicorn
    with Servers() as servers:
        directory = tmp_path_factory.mktemp("shop")
        options = ("--worker-class", "gthread", "--threads", "4")
        environ = {
            "MEMGUARD_MODE": "trace", "MEMGUARD_TRACE_FRAMES": "3", "MEMGUARD_RSS_CEILING": "400MB",
            "MEMGUARD_ALERT_RULES": ALERT_RULE,
        }  # fmt: skip
        with web_server(servers, directory, lambda port: command(commands.FLASK, port, *options), **environ) as web:
            yield Shop(web, f"http://127.0.0.1:{web.port}/_memguard", _driven(web))


def _driven(web: Web) -> str:
    """Load it until the leak is named with all of its evidence; return the finding's fingerprint."""
    one_round = spread(MENU)

    def named() -> str | None:
        begun = time.monotonic()
        web.load(one_round)
        told = finding(web.report(), LEAK)
        if told and told["sites"] and told["holder"] and told["holder"]["growth_per_unit"]:
            return str(told["fingerprint"])
        time.sleep(max(0.0, begun + SECONDS_PER_ROUND - time.monotonic()))
        return None

    return str(eventually(named, f"the leak named\n{web.server.tail()}", SECONDS_MOST))


@pytest.fixture(scope="package")
def session(browser: Browser, shop: Shop) -> StorageState:
    """The cookie of somebody who has signed in by the form."""
    context = browser.new_context()
    page = context.new_page()
    page.goto(f"{shop.base}/login")
    page.get_by_label("Token").fill(TOKEN)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(shop.base)
    state = context.storage_state()
    context.close()
    return state


@pytest.fixture
def visitor(browser: Browser, shop: Shop, session: StorageState) -> Iterator[Visitor]:
    """A page of somebody who has signed in; nothing may go wrong in it, violations of its policy included."""
    context = browser.new_context(viewport={"width": 1280, "height": 900}, storage_state=session)
    context.grant_permissions(["clipboard-read", "clipboard-write"], origin=shop.base.removesuffix("/_memguard"))
    visiting = Visitor(context.new_page(), shop.base)
    yield visiting
    context.close()
    assert visiting.complaints == []
