import time
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from playwright.sync_api import Browser, Error, expect

from example_apps import commands
from example_apps.servers import Servers
from memguard.allocations import Allocations, Group, packed
from memguard.commands import Command, FollowedFunction, FollowedLine, Following, Outcome
from memguard.evidence import Holder, Link, Pattern, Site, TypeCount
from memguard.export.dot import as_svg
from memguard.inspection import Edge, Graph, Inspection, Node, ObjectSize, Question
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
from memguard.snapshots import Kept, SiteSize, Snapshot, TypeGrowth, TypeSize
from memguard.store import Store, open_store
from tests.browser.installing import graphviz
from tests.browser.visiting import Visitor
from tests.live.live import TOKEN, web_server

EVIL = "\"'><script>document.title='taken'</script><img src=x onerror=\"document.title='taken'\"><b id=taken>"


PLANTED = WorkerId("planted", 66, 1_700_000_000.0)
TASK = EVIL.replace("id=taken", "id=taken-by-a-task")
NAMES = {"request": EVIL, "task": TASK}
LINES, GRAPHED, SNAPSHOT = "feedfeedfeedfee1", "feedfeedfeedfee2", "feedfeedfeedfee3"
FINDINGS = ("feedfeedfeedfeed", "feedfeedfeedfee0")
SCREENS = (
    "", "/timeline", "/operations", "/units", "/objects", "/actions", "/lines", "/inspected", "/snapshots",
    f"/snapshots?id={SNAPSHOT}&by=traceback", *(f"/findings/{each}" for each in FINDINGS),
)  # fmt: skip


def planted(now: float) -> Flush:
    """Return what a worker would tell whose every name is markup and script, of a request and of a task."""
    told = [Judgement(Operation(kind, name), "leak", (EVIL,), 2.0, 2.0, 99.0) for kind, name in NAMES.items()]
    accused = [
        Finding(
            print_, judgement, now - 30, now, 40, (Site(EVIL, 3, EVIL, EVIL, 1, 1, EVIL, EVIL),),
            (TypeCount(EVIL, 4),), Pattern(EVIL, EVIL, EVIL), Holder(EVIL, EVIL, "unknown", (Link(EVIL, EVIL),), 3), EVIL,
        )
        for print_, judgement in zip(FINDINGS, told, strict=True)
    ]  # fmt: skip
    return Flush(
        WorkerState(PLANTED, EVIL, EVIL, EVIL, EVIL, now, 10**7, 10**7, None, 9, 0, 1, 0.01, (EVIL,), release=EVIL),
        operations=tuple(OperationStats(judgement, 9, 1, 5, now) for judgement in told),
        findings=tuple(accused),
        units=tuple(UnitRecord(now, judgement.operation, 0.1, False, False) for judgement in told),
        events=(
            Event(now, EVIL, {EVIL: EVIL}), Event(now, "finding", {"name": EVIL, "fingerprint": EVIL}),
            Event(now, "alert", {"state": EVIL, "text": EVIL}),
        ),
    )  # fmt: skip


def plant(store: Store, now: float) -> None:
    """Write all of it: also what was found among objects, line by line, and in a snapshot of allocations."""
    store.flush(planted(now))
    done = Outcome(1, 2, 3, 0.5, EVIL, "")
    followed = FollowedFunction(EVIL, EVIL, (FollowedLine(7, 1, 0, 8, 9, EVIL),))
    graph = Graph(EVIL, EVIL, 3, 2, 1, (Node(0, EVIL, 5, 1, "root", EVIL),), (Edge(0, 0, EVIL),))
    question = Question("chain", EVIL)
    found = Inspection(
        question, 3, 9, (ObjectSize(EVIL, 3, None, EVIL),), None, graph, (), (TypeCount(EVIL, 1),), False, (EVIL,)
    )
    store.add_commands([
        Command(LINES, "lines", PLANTED, now, now, 60.0, "done", replace(done, functions=(followed,)), Following("task", TASK, 3, (EVIL,))),
        Command(GRAPHED, "inspect", PLANTED, now, now, 10.0, "done", replace(done, inspection=found), None, question),
    ])  # fmt: skip
    sizes = (TypeSize(EVIL, 3, None),), (TypeGrowth(EVIL, 1, 3),), (SiteSize(EVIL, 1, EVIL, 8, 1, 8),)
    store.add_snapshot(PLANTED, Snapshot(now, None, 3, *sizes))
    taken = Allocations(now, (Group(((EVIL, 85), ("/srv/shop/wsgi.py", 9)), 100, 1),))
    store.add_allocations(PLANTED, Kept(SNAPSHOT, now, "asked", taken.bytes, taken.count, 1), packed(taken), most=9)


@pytest.fixture
def taken_over(browser: Browser, tmp_path: Path) -> Iterator[Visitor]:
    """A visitor of a service in whose store the planted worker has written."""
    settings = Settings.load({"service": "live", "store": str(tmp_path / "memguard.db")}, environ={})
    store = open_store(settings)
    plant(store, time.time())
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
    """On every screen, as first served and as refreshed by the scripts, in whatever a request, a task or a tool named."""
    page = taken_over.page
    for screen in SCREENS:
        taken_over.open(screen)
        taken_over.refresh()
        assert page.locator("[id^=taken]").count() == 0, screen
        assert page.locator("img:not([src$='icon.svg'])").count() == 0, screen
        assert page.title().endswith("2 leaks · live · memguard"), screen
        assert "document.title='taken" in page.locator("main").inner_text() or screen == "/timeline", screen
    expect(page.get_by_role("heading", level=1)).to_contain_text(TASK)


def test_a_picture_that_is_downloaded_runs_nothing(taken_over: Visitor, tmp_path: Path) -> None:
    """Opened as a file, where no policy of the page's protects: a flame graph, and a graph of objects that dot draws."""
    api, page = f"{taken_over.base}/api", taken_over.page
    flames = page.request.get(f"{api}/snapshots/{SNAPSHOT}/svg").body()
    dot = page.request.get(f"{api}/commands/{GRAPHED}/graph.dot").text()
    assert "taken" in dot
    drawn = [flames, *([as_svg(dot)] if graphviz() else [])]
    for number, picture in enumerate(drawn):
        file = tmp_path / f"{number}.svg"
        file.write_bytes(picture)
        page.goto(file.as_uri())
        names = [each.tag for each in ET.fromstring(picture).iter()]
        assert not [name for name in names if name.rpartition("}")[2] in {"script", "img", "b", "foreignObject"}]
        assert page.locator("script, img, [id^=taken]").count() == 0
        assert "taken" in picture.decode()
        assert page.title() != "taken"


def test_no_script_of_the_page_could_make_text_into_markup(taken_over: Visitor) -> None:
    """The browser refuses it, whatever a later change of ours might do; what the server rendered is the one exception."""
    page = taken_over.open()
    with pytest.raises(Error, match="TrustedHTML"):
        page.evaluate("document.body.innerHTML = '<b>text</b>'")
    assert any("TrustedHTML" in complaint for complaint in taken_over.complaints)
    taken_over.complaints.clear()
