"""Pictures of every screen for the pages, taken of real workers with a real leak: `nox -s screenshots`.

Gunicorn with two workers and a Celery worker of two processes run under a ceiling for some minutes, so that the
timeline has recycles. Each screen is taken light, dark and as wide as a phone, and made small.
"""

import argparse
import io
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

from example_apps import commands
from example_apps.demo_traffic import evenly
from example_apps.servers import ROOT, Servers, environment, free_port
from tests.browser.installing import executable, install
from tests.browser.visiting import FLAGS, Visitor
from tests.live.live import TOKEN, Consumer, Web, eventually
from tests.live.reports import finding

TARGET = ROOT / "docs" / "screens"
FONTS = {"fonts-inter": "Inter", "fonts-jetbrains-mono": "JetBrains Mono"}
SECONDS, SECONDS_MOST = 120.0, 120.0
KEPT = "example_apps.flask_app.app.Context"
"""The type of what stays of the leak."""
REQUESTS_A_ROUND, SECONDS_A_ROUND = 60, 0.5
REQUESTS = {"/leak": 30, "/clean": 14, "/bounded_cache": 8, "/cycle": 4, "/stream": 3, "/boom": 1}
TASKS = {"leak": 6, "clean": 4, "bounded_cache": 2}
COLOURS = 160
TALLEST = {1280: 1500, 390: 1800}
_WITH_OTHER_PATHS = """paths => {
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (walker.nextNode())
        for (const [here, anywhere] of paths)
            walker.currentNode.data = walker.currentNode.data.replaceAll(here, anywhere);
}"""
"""Pictures show no path of the machine that took them."""
LOOKS = (("light", "light", 1280), ("dark", "dark", 1280), ("phone", "light", 390))


@dataclass(frozen=True)
class Shot:
    """A picture: its name, the screen, what is done there first, and whether somebody looks who has signed in."""

    name: str
    below: str
    first: Callable[[Page], object] = lambda page: None
    is_signed_in: bool = True


def main() -> int:
    """Take all pictures; return 0."""
    parser = argparse.ArgumentParser(prog="python -m tests.browser.screenshots", description=__doc__)
    parser.add_argument("--seconds", type=float, default=SECONDS, help="of load before the pictures, %(default)s")
    seconds = parser.parse_args().seconds
    path = executable()
    assert path, "there is no Chromium, and no apt-get that could install it"
    install(*FONTS)
    TARGET.mkdir(exist_ok=True)
    directory = Path(tempfile.mkdtemp(prefix="memguard-screens-"))
    try:
        with Servers() as servers, sync_playwright() as playwright:
            web, consumer = _started(servers, directory)
            _drive(web, consumer, seconds)
            browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
            base = f"http://127.0.0.1:{web.port}/_memguard"
            _act(browser, base, web, consumer)
            told = eventually(lambda: finding(web.report(), "GET /leak"), "the leak named", SECONDS_MOST)
            for shot in _shots(told["fingerprint"]):
                _take(browser, base, shot, directory)
            browser.close()
    finally:
        shutil.rmtree(directory, ignore_errors=True)
    for picture in sorted(TARGET.glob("*.png")):
        print(f"{picture.relative_to(ROOT)}  {picture.stat().st_size / 1000:.0f} kB")
    return 0


def _started(servers: Servers, directory: Path) -> tuple[Web, Consumer]:
    from celery import Celery

    port, broker_port, store = free_port(8765), free_port(), directory / "memguard.db"
    broker = f"redis://127.0.0.1:{broker_port}/0"
    environ = environment(
        MEMGUARD_STORE=str(store), MEMGUARD_TOKEN=TOKEN, MEMGUARD_SERVICE="shop", MEMGUARD_RSS_CEILING="58MB",
        MEMGUARD_RSS_HARD_CEILING="72MB", MEMGUARD_RECYCLE_MIN_INTERVAL="20", MEMGUARD_OVERHEAD_BUDGET="0.05", CELERY_BROKER_URL=broker,
    )  # fmt: skip
    redis = servers.start("redis", commands.redis(broker_port, directory), environ=environ, log=directory / "redis.log")
    redis.wait_until(lambda: commands.redis_answers(broker_port), seconds=30)
    command = commands.gunicorn(commands.FLASK, port, "--worker-class", "gthread", "--threads", "4", workers=2)
    gunicorn = servers.start("web", command, environ=environ, log=directory / "web.log")
    log = directory / "celery.log"
    celery = servers.start("celery", commands.celery("prefork"), environ=environ, log=log)
    gunicorn.wait_until(lambda: commands.web_answers(port), seconds=30)
    celery.wait_until(lambda: commands.celery_ready(log), seconds=60)
    sender = Celery("screens", broker=broker, set_as_current=False)
    return Web(gunicorn, port, store), Consumer(celery, store, sender.send_task)


def _drive(web: Web, consumer: Consumer, seconds: float) -> None:
    requests, tasks = evenly(REQUESTS), [name for name, count in TASKS.items() for _ in range(count)]
    end = time.monotonic() + seconds
    while (begun := time.monotonic()) < end:
        web.load([next(requests) for _ in range(REQUESTS_A_ROUND)])
        consumer.load(tasks)
        time.sleep(max(0.0, begun + SECONDS_A_ROUND - time.monotonic()))


def _act(browser: Browser, base: str, web: Web, consumer: Consumer) -> None:
    """Trace, take two snapshots, collect, follow units, look into objects: what half of the screens show."""
    page = _page(browser, base, "/actions", "light", 1280)
    _ask(page, "Trace", seconds=15)
    _drive(web, consumer, 6)
    for action in ("Take a snapshot", "Take a snapshot", "Collect garbage"):
        _ask(page, action)
        _drive(web, consumer, 6)
        eventually(lambda: page.locator(".command.waiting").count() == 0, f"{action} taken up")
    page.locator(".choice", has_text="Follow lines").locator("input").check()
    page.get_by_label("Operation", exact=True).select_option("GET /leak")
    _ask(page, "Follow lines")
    _drive(web, consumer, 6)
    page.locator(".choice", has_text="Look into objects").locator("input").check()
    page.get_by_label("What to look for").select_option("chain")
    page.locator("input[name=name]").fill(KEPT)
    _ask(page, "Look into objects")
    eventually(lambda: page.locator(".command.waiting, .command.running").count() == 0, "everything done")
    page.context.close()


def _ask(page: Page, action: str, *, seconds: int = 0) -> None:
    page.locator(".choice", has_text=action).first.locator("input").check()
    if seconds:
        page.locator("input[name=seconds]").fill(str(seconds))
    page.get_by_role("button", name="Do it…").click()
    page.get_by_role("dialog").get_by_role("button", name=action).click()


def _shots(fingerprint: str) -> list[Shot]:
    def charted(page: Page) -> None:
        page.locator("[data-part=legend] button").first.wait_for()

    def following(page: Page) -> None:
        page.get_by_role("link", name="Line by line").first.click()
        page.locator(".line.blamed").first.wait_for()

    def drawn(page: Page) -> None:
        page.locator(".flame").first.wait_for()

    def confirming(page: Page) -> None:
        page.locator(".choice", has_text="Recycle").locator("input").check()
        page.get_by_role("button", name="Do it…").click()

    def lost(page: Page) -> None:
        page.context.set_offline(True)
        page.get_by_role("alert").wait_for()

    return [
        Shot("overview", ""),
        Shot("timeline", "/timeline", charted),
        Shot("operations", "/operations"),
        Shot("finding", f"/findings/{fingerprint}"),
        Shot("units", "/units"),
        Shot("objects", "/objects"),
        Shot("lines", "/actions", following),
        Shot("inspected", "/inspected"),
        Shot("snapshots", "/snapshots", drawn),
        Shot("actions", "/actions"),
        Shot("confirm", "/actions", confirming),
        Shot("lost", "", lost),
        Shot("empty", "/timeline?since=1000000&until=1003600"),
        Shot("login", "/login", is_signed_in=False),
    ]


def _page(browser: Browser, base: str, below: str, scheme: str, width: int, *, is_signed_in: bool = True) -> Page:
    context = browser.new_context(
        viewport={"width": width, "height": 900}, color_scheme=scheme,  # type: ignore[arg-type]  # one of its literals
        extra_http_headers={"Authorization": f"Bearer {TOKEN}"} if is_signed_in else {},
    )  # fmt: skip
    page = context.new_page()
    if is_signed_in:
        return Visitor(page, base).open(below)
    page.goto(f"{base}{below}")
    return page


def _take(browser: Browser, base: str, shot: Shot, directory: Path) -> None:
    paths = [
        [sys.prefix, "/opt/shop"],
        [str(ROOT), "/srv/shop"],
        [sys.base_prefix, "/usr"],
        [str(directory), "/run/shop"],
    ]
    for look, scheme, width in LOOKS:
        page = _page(browser, base, shot.below, scheme, width, is_signed_in=shot.is_signed_in)
        shot.first(page)
        page.evaluate("document.fonts.ready")
        page.evaluate(_WITH_OTHER_PATHS, paths)
        taken = page.screenshot(full_page=shot.name not in {"confirm", "lost"}, animations="disabled")
        page.context.close()
        picture = Image.open(io.BytesIO(taken)).convert("RGB")
        picture = picture.crop((0, 0, picture.width, min(picture.height, TALLEST[width])))
        small = picture.quantize(COLOURS, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
        small.save(TARGET / f"{shot.name}-{look}.png", optimize=True)


if __name__ == "__main__":
    sys.exit(main())
