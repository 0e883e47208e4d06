import json
import logging
from typing import Any

import celery
import pytest
import redis as client
from aiosmtpd.controller import Controller

from memguard.export.alerts.alarm import Notice
from memguard.export.alerts.post import PAUSES, Post
from memguard.export.alerts.rules import Cause
from memguard.export.channels import channel
from memguard.export.channels.webhook import RefusedError
from tests.unit.export import receivers
from tests.unit.telling import ME, NOW

CAUSE = Cause("rss > 512MB", "", "The web worker 4711 on here uses 700 MB, over 512 MB.", ME, 700e6, 512e6)
FIRING, OVER = Notice(NOW, "firing", CAUSE), Notice(NOW + 60, "resolved", CAUSE)
BODY = {
    "version": 1, "service": "shop", "at": NOW, "value": 700e6, "limit": 512e6, "silenced": 0, "state": "firing",
    "rule": "rss > 512MB", "key": "", "text": CAUSE.text, "about": {"host": "here", "pid": 4711},
    "lasts": True,
}  # fmt: skip


def test_a_webhook_gets_the_alert_as_json() -> None:
    """Also that it is over; its address is named by its host alone."""
    with receivers.http() as got:
        one = channel(f"{got.address}/hook?token=secret")
        one.send(FIRING, "shop")
        one.send(OVER, "shop")

    assert got.bodies == [BODY, {**BODY, "at": NOW + 60, "state": "resolved"}]
    assert got.paths == ["/hook?token=secret"] * 2
    assert one.name == "http://127.0.0.1"


def test_slack_gets_text() -> None:
    """With what means something there escaped."""
    odd = Notice(NOW, "firing", Cause("finding", "ff", "GET /<id> leaks: a & b."), silenced=2)
    with receivers.http() as got:
        channel(f"slack+{got.address}/services/T/B").send(odd, "shop")

    assert got.bodies == [
        {
            "text": ":warning: *memguard alert [shop] finding*\n"
            "GET /&lt;id&gt; leaks: a &amp; b. 2 other alerts were not told: there were too many."
        }
    ]


@pytest.mark.parametrize("status", [302, 404, 500])
def test_a_webhook_that_answers_otherwise_has_not_got_it(status: int) -> None:
    """A redirection is not followed: an alert goes where it was told to."""
    with receivers.http() as got:
        got.status = status
        with pytest.raises(RefusedError, match=f"^HTTP {status}$"):
            channel(got.address).send(FIRING, "shop")

    assert len(got.paths) == 1


class _Inbox:
    """What an SMTP server got."""

    def __init__(self) -> None:
        self.envelopes: list[Any] = []

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802 - aiosmtpd's name
        """Take a mail."""
        self.envelopes.append(envelope)
        return "250 OK"


def test_a_mail_reaches_all_of_its_receivers() -> None:
    """Over a real SMTP server: one message, with the rule in its subject and the sentence in its body."""
    inbox = _Inbox()
    port = receivers.free_port()
    server = Controller(inbox, hostname="127.0.0.1", port=port)
    server.start()
    try:
        address = f"smtp://127.0.0.1:{port}/?to=ops@shop.example,night@shop.example&from=memguard@shop.example"
        channel(address).send(FIRING, "shop")
    finally:
        server.stop()
    (mail,) = inbox.envelopes
    text = mail.content.decode()

    assert (mail.mail_from, mail.rcpt_tos) == ("memguard@shop.example", ["ops@shop.example", "night@shop.example"])
    assert "Subject: memguard alert [shop] rss > 512MB" in text
    assert CAUSE.text in text


def test_a_stream_in_redis_and_a_celery_task_get_it() -> None:
    """From a real Redis: an entry of the stream, and a message that a worker of the application's would run."""
    with receivers.redis() as address:
        channel(f"{address}?stream=alerts").send(FIRING, "shop")
        application = celery.Celery("shop", broker=address, set_as_current=True)
        channel("celery:shop.tasks.alerted").send(FIRING, "shop")
        application.close()
        with client.Redis.from_url(address, decode_responses=True) as asked:
            entries: Any = asked.xrange("alerts")
            (message,) = asked.lrange("celery", 0, -1)

    assert [json.loads(fields["alert"]) for _, fields in entries] == [BODY]
    assert json.loads(message)["headers"]["task"] == "shop.tasks.alerted"
    assert json.loads(message)["headers"]["kwargsrepr"].startswith("{'alert': {'version': 1, 'service': 'shop'")


def test_a_callable_and_the_log_get_it(caplog: pytest.LogCaptureFixture) -> None:
    """The record has the alert as data, too."""
    got: list[dict[str, Any]] = []
    channel(got.append).send(FIRING, "shop")
    with caplog.at_level(logging.INFO, "memguard.alerts"):
        channel("log").send(FIRING, "shop")
        channel("log").send(OVER, "shop")

    assert got == [BODY]
    assert [(each.levelname, each.message) for each in caplog.records] == [
        ("WARNING", f"memguard alert [shop] rss > 512MB: {CAUSE.text}"),
        ("INFO", f"memguard over [shop] rss > 512MB: It is over: {CAUSE.text}"),
    ]
    assert caplog.records[0].__dict__["alert"] == BODY


def test_a_receiver_that_is_away_is_tried_again_and_then_given_up() -> None:
    """After pauses, a bounded number of times; what is kept of it is an event without the address."""
    with receivers.http() as got:
        away = f"{got.address}/hook?token=secret"
    moment = [0.0]
    post = Post("shop", (channel(away),), lambda: moment[0])
    post.take([FIRING])
    attempts = 0
    while post.waiting:
        attempts += 1
        post.deliver()
        assert attempts <= len(PAUSES) + 1
        moment[0] += max(PAUSES)
    (event,) = post.events

    assert attempts == len(PAUSES) + 1
    assert (event.type, event.detail["channel"], event.detail["attempts"]) == ("undelivered", "http://127.0.0.1", 4)
    assert event.detail["text"] == CAUSE.text
    assert "secret" not in str(event)
    assert "refused" in event.detail["why"]


def test_a_receiver_that_comes_back_gets_it_and_others_do_not_wait() -> None:
    """One that is away does not hold up the rest, and nothing is sent before its pause is over."""
    got: list[dict[str, Any]] = []
    with receivers.http() as receiver:
        receiver.status = 503
        moment = [0.0]
        post = Post("shop", (channel(receiver.address), channel(got.append)), lambda: moment[0])
        post.take([FIRING])
        post.deliver()
        assert (len(got), post.waiting) == (1, 1)
        receiver.status = 200
        moment[0] = PAUSES[0] - 1
        post.deliver()
        assert len(receiver.bodies) == 1
        moment[0] = PAUSES[0]
        post.deliver()

    assert (len(got), len(receiver.bodies), post.waiting, post.events) == (1, 2, 0, [])
