import ast
import json

import pytest

from memguard.dashboard import admits
from memguard.evidence import Site
from memguard.explain.reproduction import reproduction
from memguard.model import WorkerId
from tests.unit.dashboard.asking import Teller, asked, header, request, settings, with_token
from tests.unit.telling import ME, NOW, finding, told

FINGERPRINT = finding().fingerprint
PATH = f"/_memguard/api/findings/{FINGERPRINT}/reproduction"


def teller() -> Teller:
    """Return a guard whose store holds one finding."""
    return Teller(told(findings=(finding(),)))


def test_a_finding_is_downloaded_as_a_test() -> None:
    """As a file that pytest collects, with the finding's own text."""
    answer = asked(with_token(PATH), teller())

    assert answer.status == 200
    assert header(answer, "Content-Type") == "text/x-python; charset=utf-8"
    assert header(answer, "Content-Disposition") == f'attachment; filename="test_leak_{FINGERPRINT}.py"'
    assert header(answer, "Cache-Control") == "no-store"
    assert answer.body.decode() == reproduction(finding())
    ast.parse(answer.body)


def test_the_worker_that_knows_most_is_believed() -> None:
    """One without holder and sites tells less, though it told last."""
    guard = Teller(
        told(findings=(finding(),)),
        told(WorkerId("there", 9, NOW), findings=(finding(last_seen=NOW + 9, holder=None, sites=()),)),
    )

    assert asked(with_token(PATH), guard).body.decode() == reproduction(finding())


def test_an_unknown_fingerprint_is_not_found() -> None:
    """As JSON, like all that is wrong below `/api`."""
    answer = asked(with_token(PATH.replace(FINGERPRINT, "ff")), teller())

    assert answer.status == 404
    assert json.loads(answer.body) == {"error": "no finding has the fingerprint ff"}


@pytest.mark.parametrize(
    "name",
    ["", "..", "../../settings", "0" * 65, "0" * 1_000_000, "00112233AABBCCDD", "%30%30", "\u0661", FINGERPRINT + "\n",
     FINGERPRINT + "/", "\udcff", "0/1"],
)  # fmt: skip
def test_what_is_no_fingerprint_leads_nowhere(name: str) -> None:
    """It is not even looked up."""
    guard = teller()

    assert asked(with_token(f"/_memguard/api/findings/{name}/reproduction"), guard).status == 404
    assert asked(with_token(f"/_memguard/api/findings/{name}"), guard).status == 404
    assert guard.flushes == 0
    for path in ("/_memguard/api/findings", f"/_memguard/api/findings/{FINGERPRINT}/", f"{PATH}/", f"{PATH}\n"):
        assert asked(with_token(path), guard).status == 404


def test_it_is_read_only_and_takes_no_parameters() -> None:
    """HEAD tells the length of what GET would send."""
    for method in ("POST", "PUT", "DELETE", "OPTIONS"):
        answer = asked(with_token(PATH, method), teller())
        assert (answer.status, header(answer, "Allow")) == (405, "GET, HEAD")
    head, get = asked(with_token(PATH, "HEAD"), teller()), asked(with_token(PATH), teller())
    assert (head.status, head.body, head.headers) == (200, b"", get.headers)
    assert header(head, "Content-Length") == str(len(get.body))
    for query in ("framework=flask", "x" * 1_000_000, "&" * 3000):
        assert asked(with_token(PATH, query=query), teller()).status == 400


def test_it_is_shown_to_those_who_may_see_the_endpoint() -> None:
    """Without the token there is nothing here; without one to show, only for a developer on this machine."""
    assert not admits(with_token(PATH, headers={"authorization": "Bearer wrong"}), settings())
    assert not admits(request(PATH, debug=False), settings(token=None))
    assert asked(request(PATH), teller(), settings(token=None)).status == 200


def test_this_workers_last_second_is_in_it() -> None:
    """The worker that answers writes its own findings first."""
    guard = teller()
    asked(with_token(PATH), guard)

    assert guard.flushes == 1
    assert guard.store.read().findings[0][0] == ME


def test_text_that_utf_8_cannot_hold_is_sent_all_the_same() -> None:
    """A name with a lone surrogate was kept in a form that it can hold."""
    odd = finding(attribution="\udcff", sites=(Site("\udcff.py", 1, "\udcff", "x = '\udcff'", 1, 1),))
    answer = asked(with_token(PATH), Teller(told(findings=(odd,))))

    assert answer.status == 200
    ast.parse(answer.body)
