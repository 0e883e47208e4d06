"""A webhook: the alert as JSON in a POST, or in the form that Slack takes."""

import json
import urllib.error
import urllib.request

from memguard.export.alerts.alarm import Notice
from memguard.export.channels import SECONDS_MOST, host_of


class RefusedError(Exception):
    """The receiver answered with something other than success; `reason` says with what."""

    def __init__(self, status: int) -> None:
        super().__init__(f"HTTP {status}")
        self.reason = f"HTTP {status}"


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """An alert goes where it was told to, and nowhere else."""

    def redirect_request(self, *_: object) -> None:
        return None


class Webhook:
    """Posts to one address."""

    def __init__(self, address: str, *, is_slack: bool) -> None:
        self._address = address
        self._is_slack = is_slack
        self.name = host_of(address)
        self._opener = urllib.request.build_opener(_NoRedirect)

    def send(self, notice: Notice, service: str) -> None:
        """Post it; raise where the receiver is away or answers with anything but success."""
        mark = ":white_check_mark:" if notice.state == "resolved" else ":warning:"
        slack = {"text": f"{mark} *{_slack(notice.title(service))}*\n{_slack(notice.words())}"}
        body = slack if self._is_slack else notice.body(service)
        request = urllib.request.Request(  # noqa: S310 - the setting allows http and https alone
            self._address,
            data=json.dumps(body).encode(),
            headers={"Content-Type": "application/json", "User-Agent": "memguard"},
            method="POST",
        )
        try:
            self._opener.open(request, timeout=SECONDS_MOST).close()
        except urllib.error.HTTPError as error:
            error.close()
            raise RefusedError(error.code) from None


def _slack(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
