from typing import Any

import pytest

from memguard.dashboard.words import VERDICT_WORDS, amount, headline, left, percent, rate, sentence, title, unrefuted


def operation(name: str, verdict: str, **changed: Any) -> dict[str, Any]:
    """Return an operation of the report."""
    told = {"kind": "request", "units": 10, "objects_per_unit": 0.0, "bytes_per_unit": 0.0}
    return {**told, "name": name, "verdict": verdict, **changed}


def said(*operations: dict[str, Any]) -> tuple[str, str]:
    """Return verdict and sentence of a report."""
    return headline({"operations": list(operations), "findings": []})


@pytest.mark.parametrize(
    ("operations", "expected"),
    [
        ([], ("none", "Nothing to judge yet: no request and no task has been seen.")),
        ([operation("GET /a", "warming")], ("warming", "No verdict yet: 10 units seen, more are needed.")),
        ([operation("GET /a", "clean", units=1)], ("clean", "No leak found in 1 operation over 1 unit.")),
        (
            [operation("GET /a", "clean", units=4000), operation("b", "plateau"), operation("c", "warming")],
            ("clean", "No leak found in 2 operations over 4,020 units. 1 operation still warming up."),
        ),
        (
            [operation("GET /a", "suspect"), operation("GET /b", "clean")],
            ("suspect", "Nothing is proven to leak; GET /a is under suspicion."),
        ),
        (
            [operation("GET /a", "suspect"), operation("GET /b", "suspect")],
            ("suspect", "Nothing is proven to leak; GET /a and GET /b are under suspicion."),
        ),
        (
            [operation("GET /a", "leak", objects_per_unit=2.04, bytes_per_unit=4100.0), operation("GET /b", "suspect")],
            ("leak", "GET /a leaks: each request leaves about 2 objects and 4.10 kB behind."),
        ),
        (
            [operation("shop.bill", "leak", kind="task", objects_per_unit=1.0)],
            ("leak", "task shop.bill leaks: each run leaves about 1 object behind."),
        ),
        ([operation("GET /a", "leak")], ("leak", "GET /a leaks.")),
        (
            [operation(f"GET /{each}", "leak") for each in "abcde"],
            ("leak", "5 operations leak: GET /a, GET /b, GET /c and 2 more."),
        ),
    ],
    ids=["nothing", "warming", "clean", "clean and warming", "one suspect", "two suspects", "a leak", "a leaking task",
         "a leak without a rate", "many leaks"],
)  # fmt: skip
def test_one_sentence_says_how_things_stand(operations: list[dict[str, Any]], expected: tuple[str, str]) -> None:
    """The gravest verdict decides, and nothing is called a leak that is none."""
    assert said(*operations) == expected


def test_a_leak_that_nobody_has_driven_for_days_is_not_forgotten() -> None:
    """The counts of the workers that found it are gone, the finding is not; one that is refuted is no leak."""
    old = {"kind": "request", "name": "GET /old"}
    clean, leak = operation("GET /a", "clean"), operation("GET /old", "leak")
    sentence_ = "GET /old leaked when last driven, and nothing has refuted that since."

    for operations in ([], [clean], [clean, operation("GET /old", "warming")]):
        report = {"operations": operations, "findings": [{"verdict": "leak", "operation": old}]}
        assert headline(report) == ("leak", sentence_)
        assert unrefuted(report) == [old]
    found = [{"verdict": "leak", "operation": old}]
    assert headline({"operations": [leak], "findings": found}) == ("leak", "GET /old leaks.")
    assert headline({"operations": [clean], "findings": [{"verdict": "plateau", "operation": old}]})[0] == "clean"


@pytest.mark.parametrize(
    ("number", "text"),
    [(0, "0"), (0.0004, "0"), (-0.0004, "0"), (0.004, "0.004"), (0.25, "0.25"), (1.0, "1"), (1.26, "1.3"), (10.4, "10"),
     (1234.5, "1,234"), (100.0, "100"), (-2.5, "-2.5")],
)  # fmt: skip
def test_numbers_have_as_many_digits_as_matter(number: float, text: str) -> None:
    """Small rates keep theirs, because a leak of one unit in a hundred is one."""
    assert amount(number) == text


def test_rates_name_what_stays() -> None:
    """Objects and bytes; allocator blocks only where there is nothing better; nothing where nothing stays."""
    assert rate("request", 2.0, 4096.0) == "+2 objects, +4.10 kB per request"
    assert rate("task", 1.0, 0.0) == "+1 object per run"
    assert rate("websocket", 0.0, 0.0, blocks=3.5) == "+3.5 memory blocks per session"
    assert rate("request", 0.0, 0.0) == ""
    assert rate("request", 0.0001, 0.2) == ""
    assert rate("request", -1.0, -300.0) == "-1 objects, -300 B per request"
    assert rate("task", 3.2, -37900.0) == "+3.2 objects per run"


def test_a_rate_is_shown_where_the_verdict_stands_behind_it() -> None:
    """What the first units leave is warm-up, and what a clean operation leaves goes later."""
    rates = {"objects_per_unit": 3.0, "bytes_per_unit": 0.0, "blocks_per_unit": 0.0}
    found = {verdict: left(operation("GET /", verdict, **rates)) for verdict in VERDICT_WORDS}

    assert found == {
        "leak": "+3 objects per request",
        "suspect": "+3 objects per request",
        "plateau": "nothing that lasts",
        "clean": "nothing that lasts",
        "warming": "not known yet",
    }


def test_small_words() -> None:
    """A request's name says what it is, a task's does not."""
    assert title({"kind": "request", "name": "GET /a"}) == "GET /a"
    assert title({"kind": "task", "name": "bill"}) == "task bill"
    assert percent(0.0042) == "0.42 %"
    assert (sentence("each unit"), sentence("")) == ("Each unit", "")
    assert sentence("shop.KEPT gains an entry") == "shop.KEPT gains an entry", "a name is not another one"
