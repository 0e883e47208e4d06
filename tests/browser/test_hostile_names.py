import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Error, expect

from example_apps import commands
from example_apps.servers import Servers
from memguard.evidence import Holder, Link, Pattern, Site, TypeCount
from memguard.model import (
    Event,
    Finding,
    Flush,
    Judgement,
    Operation,
    OperationStats,
    UnitRecord,
    WorkerId,
    WorkerState,
)
from memguard.settings import Settings
from memguard.store import open_store
from tests.browser.visiting import Visitor
from tests.live.live import TOKEN, web_server

EVIL = "\"'><script>document.title='taken'</script><img src=x onerror=\"document.title='taken'\"><b id=taken>"


def planted(now: float) -> Flush:
    """Return what a worker would tell whose every name is markup and script."""
    me = WorkerId("planted", 66, now - 60)
    judgement = Judgement(Operation("request", EVIL), "leak", (EVIL,), 2.0, 2.0, 99.0)
    accused = Finding(
        "feedfeedfeedfeed", judgement, now - 30, now, 40, (Site(EVIL, 3, EVIL, EVIL, 1, 1, EVIL, EVIL),),
        (TypeCount(EVIL, 4),), Pattern(EVIL, EVIL, EVIL), Holder(EVIL, EVIL, "unknown", (Link(EVIL, EVIL),), 3), EVIL,
    )  # fmt: skip
    return Flush(
        WorkerState(me, EVIL, EVIL, EVIL, EVIL, now, 10**7, 10**7, None, 9, 0, 1, 0.01, (EVIL,)),
        operations=(OperationStats(judgement, 9, 1, 5, now),),
        findings=(accused,),
        units=(UnitRecord(now, Operation("request", EVIL), 0.1, False, False),),
        events=(Event(now, EVIL, {EVIL: EVIL}), Event(now, "finding", {"name": EVIL, "fingerprint": EVIL})),
    )


@pytest.fixture
def taken_over(browser: Browser, tmp_path: Path) -> Iterator[Visitor]:
    """A visitor of a service in whose store the planted worker has written."""
    settings = Settings.load({"service": "live", "store": str(tmp_path / "memguard.db")}, environ={})
    store = open_store(settings)
    store.flush(planted(time.time()))
    store.close()
    with Servers() as servers:
        command = partial(commands.gunicorn, commands.FLASK, workers=1)
        with web_server(servers, tmp_path, command) as web:
            context = browser.new_context(extra_http_headers={"Authorization": f"Bearer {TOKEN}"})
            visitor = Visitor(context.new_page(), f"http://127.0.0.1:{web.port}/_memguard")
            yield visitor
            context.close()
    assert visitor.complaints == []


def test_names_that_are_markup_stay_text(taken_over: Visitor) -> None:
    """On every screen, as first served and as refreshed by the scripts."""
    page = taken_over.page
    for screen in ("", "/timeline", "/operations", "/units", "/objects", "/actions", "/findings/feedfeedfeedfeed"):
        taken_over.open(screen)
        taken_over.refresh()
        expect(page.locator("#taken")).to_have_count(0)
        assert page.locator("img:not([src$='icon.svg'])").count() == 0
        assert page.title().endswith("1 leak · live · memguard")
    expect(page.get_by_role("heading", level=1)).to_have_text(EVIL)


def test_no_script_of_the_page_could_make_text_into_markup(taken_over: Visitor) -> None:
    """The browser refuses it, whatever a later change of ours might do; what the server rendered is the one exception."""
    page = taken_over.open()
    with pytest.raises(Error, match="TrustedHTML"):
        page.evaluate("document.body.innerHTML = '<b>text</b>'")
    assert any("TrustedHTML" in complaint for complaint in taken_over.complaints)
    taken_over.complaints.clear()
