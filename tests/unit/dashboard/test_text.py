from dataclasses import replace

from memguard.dashboard.report import build
from memguard.dashboard.text import WIDTH, as_text, plain
from memguard.evidence import Holder, Link, Pattern, Site
from memguard.model import Flush, Operation, Stored, WorkerId
from tests.unit.telling import ME, NOW, event, finding, judged, stats, worker

GONE = WorkerId("there", 1, NOW - 500)


def text(stored: Stored) -> str:
    """Return a report for a terminal."""
    return as_text(build(stored, service="shop", answered_by=ME, now=NOW, notes=("The store is in memory.",)))


def test_it_is_readable_and_aligned() -> None:
    """The sentence first, then findings with place and advice, then columns under their names."""
    leak = judged("GET /leak", "leak", objects=2.0)
    stored = Stored(
        (worker(), worker(GONE, kind="celery", last_seen=NOW - 60, rss_baseline_bytes=None, notes=("silent",))),
        ((ME, stats(leak, units=12_345)), (GONE, stats(judged("shop.bill", kind="task")))),
        ((ME, finding()),),
        ((ME, event(NOW, "started", kind="web")),),
    )

    assert text(stored) == (
        "memguard  service shop  2027-01-15T08:00:00.000Z  1 of 2 workers alive\n"
        "\n"
        "GET /leak leaks: each request leaves about 2 objects and 200 B behind.\n"
        "Note: The store is in memory.\n"
        "\n"
        "FINDINGS\n"
        "  GET /leak  leaks  new  +2 objects, +200 B per request\n"
        "    2.0 objects of every unit stay\n"
        "    why it is this operation's: 12 windows covered nothing but this operation\n"
        "    at /srv/shop/views.py:85 in show, 80 objects and 8.00 kB\n"
        "       _request_caches.append(context)\n"
        "    what stays: dict x 40, shop.views.Context x 40\n"
        "    held by shop.views._request_caches[…], 120 entries, +1 per request\n"
        "       module shop.views (the root)\n"
        "       └ attribute _request_caches: dict (120 entries, grows)\n"
        "    A container that only grows. Empty it, or give it a cap.\n"
        "    to reproduce it: memguard reproduce 00112233aabbccdd\n"
        "\n"
        "OPERATIONS\n"
        "  VERDICT  OPERATION        UNITS  ERRORS  SAMPLED  LEFT PER UNIT\n"
        "  leaks    GET /leak       12,345       1        5  +2 objects, +200 B per request\n"
        "  clean    task shop.bill      10       1        5  nothing that lasts\n"
        "\n"
        "WORKERS\n"
        "  WORKER    HOST   SERVER            STATE        RSS  AT FIRST  CEILING  UNITS  OVERHEAD  LAST SEEN\n"
        "  web 4711  here   gunicorn-gthread  serving  81.0 MB   70.0 MB        -     10     0.4 %  2027-01-15 08:00:00\n"
        "  celery 1  there  gunicorn-gthread  gone     81.0 MB         -        -     10     0.4 %  2027-01-15 07:59:00\n"
        "\n"
        "NEWEST EVENTS\n"
        "  2027-01-15 08:00:00  started  worker 4711  kind=web\n"
    )


def test_nothing_yet_is_said_in_a_line_or_two() -> None:
    """No empty tables."""
    assert text(Stored()) == (
        "memguard  service shop  2027-01-15T08:00:00.000Z  0 of 0 workers alive\n"
        "\n"
        "Nothing to judge yet: no request and no task has been seen.\n"
        "Note: The store is in memory.\n"
    )


def test_a_name_cannot_command_the_terminal() -> None:
    """Escape sequences and line ends are written out."""
    evil = "GET /\x1b[2J\x1b]0;owned\x07\r\nroot# \u202e\udcff"
    judgement = replace(judged("x", "leak", reasons=(evil,)), operation=Operation("request", evil))
    flush = Flush(worker(server=evil, notes=(evil,)))
    shown = text(Stored((flush.worker,), ((ME, stats(judgement)),), (), ((ME, event(NOW, evil, detail=evil)),)))

    assert all(line.isprintable() for line in shown.splitlines())
    assert "\\x1b[2J" in shown
    assert plain("a\x00é☕") == "a\\x00é☕"


def test_a_chain_is_drawn_link_by_link() -> None:
    """From the root down, each under the one that holds it; what libraries have to do with a line stands below it."""
    links = (
        Link("shop.Registry", "attribute registry of module shop.views"),
        Link("dict", "attribute by_user", 41_240, grows=True),
        Link("shop.views.Context", "item"),
    )
    holder = Holder("shop.views.registry.by_user[…]", "module shop.views", "module", links, 41_240, 0.25)
    sites = (
        Site("/srv/a.py", 3, "show", "query.all()", 1, 0, through="sqlalchemy 2.0.51, orm/session.py:310"),
        Site("/lib/b.py", 4, "keep", "", 0, 0, library="somelib 1.2"),
    )
    shown = text(Stored(findings=((ME, finding(holder=holder, sites=sites)),)))

    assert (
        "    at /srv/a.py:3 in show, 1 object\n"
        "       query.all()\n"
        "       Allocated in sqlalchemy 2.0.51, orm/session.py:310, called from this line.\n"
        "    at /lib/b.py:4 in keep\n"
        "       This line belongs to the library somelib 1.2.\n"
    ) in shown
    assert (
        "    held by shop.views.registry.by_user[…], 41,240 entries, +0.25 per request\n"
        "       module shop.views (the root)\n"
        "       └ attribute registry: shop.Registry\n"
        "         └ attribute by_user: dict (41,240 entries, grows)\n"
        "           └ item (+0.25 per request): shop.views.Context (what stays)\n"
    ) in shown


def test_long_advice_is_wrapped_between_words() -> None:
    """A terminal would break it anywhere."""
    pattern = Pattern("x", "Title", "Some words of advice, " * 20 + "`with code`.")
    shown = text(Stored(findings=((ME, finding(pattern=pattern)),)))
    lines = shown[shown.index("    Title.") : shown.index("    to reproduce")].splitlines()

    assert max(map(len, lines)) <= WIDTH
    assert " ".join(line.strip() for line in lines) == f"Title. {pattern.advice}"
