import re
from dataclasses import replace

import pytest

from memguard.dashboard.issue import code, prose
from memguard.evidence import Holder, Link, Pattern, Site, TypeCount
from memguard.model import Finding, Judgement, Operation
from tests.unit.dashboard.asking import Teller, asked, with_token
from tests.unit.telling import finding, judged, told


def issue(of: Finding) -> str:
    """Return a finding as an issue, as it is served."""
    answer = asked(with_token(f"/_memguard/api/findings/{of.fingerprint}/issue"), Teller(told(findings=(of,))))
    assert answer.status == 200
    return answer.body.decode()


def test_it_says_all_that_whoever_mends_it_needs() -> None:
    """What leaks how much, why that is certain, the line, the types, who holds them, and what to do."""
    assert (
        issue(finding())
        == """\
# `GET /leak` leaks memory

+2 objects, +200 B per request.

- Service: `shop`
- Pattern: A container that only grows (`unbounded-container`)
- Seen: 2027-01-15T07:59:10.000Z to 2027-01-15T08:00:00.000Z, by 1 worker
- Finding: `00112233aabbccdd`

## Why

- 2.0 objects of every unit stay
- Why it is this operation's: 12 windows covered nothing but this operation

## Allocated at

- `/srv/shop/views.py:85` in `show`, 80 objects and 8.00 kB
  `_request_caches.append(context)`

## What stays

- `dict`: 40
- `shop.views.Context`: 40

## Held by

`shop.views._request_caches[…]`, 120 entries, +1 per request

1. `module shop.views` (the root)
2. attribute \\_request\\_caches: `dict` (120 entries, **grows**)

## What to do

Empty it, or give it a cap.

A test that fails while a request leaves something: `memguard reproduce 00112233aabbccdd`
"""
    )


def test_what_is_not_known_is_left_out() -> None:
    """A finding without a holder, sites and types is an issue all the same."""
    bare = issue(finding(holder=None, sites=(), types=(), attribution=""))

    assert re.findall(r"^## (.*)$", bare, re.MULTILINE) == ["Why", "What to do"]


def test_one_that_was_mended_says_so() -> None:
    """The verdict of now, and what it was."""
    mended = issue(finding(judgement=replace(judged("GET /leak", "plateau", objects=2.0), reasons=("it stopped",))))

    assert mended.startswith("# `GET /leak` leaked memory\n\nIt was +2 objects")


PLANTS = [
    "<script>alert(1)</script>", "[click](https://evil.example)", "![x](https://evil.example/x.png)", "@everyone", "#1",
    "`; rm -rf /`", "``` \n# a heading", "a\n\n# a heading", "https://evil.example", "**bold**", "~~~\nx", "| a | b |",
    "\u2028# x", "<!-- x", "&lt;b&gt;", "1. x\n2. y", "$$x$$", "a\r\n- b", "\x00", "",
]  # fmt: skip


@pytest.mark.parametrize("plant", PLANTS)
def test_names_of_the_host_are_no_markup(plant: str) -> None:
    """Whatever an operation, a type, a path or a line of source is called, the issue has its own headings only."""
    planted = finding(
        judgement=Judgement(Operation("request", plant), "leak", (plant,), 2.0, 2.0, 200.0),
        sites=(Site(plant, 1, plant, plant, 1, 1, plant, plant),),
        types=(TypeCount(plant, 1),),
        holder=Holder(plant, plant, "module", (Link(plant, plant, 1, grows=True),), 1, 1.0),
        pattern=Pattern("unknown", plant, plant),
        attribution=plant,
    )
    told_ = issue(planted)
    outside_code = re.sub(r"(`+) ?.+? ?\1", "", told_)

    assert re.findall(r"^#+ (.*)$", told_, re.MULTILINE)[1:] == [
        "Why", "Allocated at", "What stays", "Held by", "What to do",
    ]  # fmt: skip
    assert not re.search(r"(?<!\\)[<\[\]|@!~$]", outside_code)
    assert "https://" not in outside_code


@pytest.mark.parametrize(
    ("text", "shown"),
    [("a", "`a`"), ("a`b", "``a`b``"), ("`a`", "`` `a` ``"), ("a\n b", "`a b`"), ("", ""), ("``", "``` `` ```")],
)
def test_code_may_hold_backticks(text: str, shown: str) -> None:
    """It is fenced by more of them than it holds in a row."""
    assert code(text) == shown


def test_prose_is_on_one_line() -> None:
    """A line break would begin a list or a heading."""
    assert prose(" a\n# b* ") == "a \\# b\\*"
