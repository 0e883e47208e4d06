"""Mail, by SMTP: `smtp://user:password@host:587/?to=a@b.example,c@d.example&from=memguard@shop.example`.

`smtps://` is encrypted from the start; with `smtp://` encryption begins where the server offers it.
"""

import smtplib
import socket
import ssl
from email.message import EmailMessage
from email.utils import formatdate
from urllib.parse import parse_qs, unquote, urlsplit

from memguard.export.alerts.alarm import Notice
from memguard.export.channels import SECONDS_MOST, host_of


class Mail:
    """Sends to one server."""

    def __init__(self, address: str) -> None:
        parts = urlsplit(address)
        query = parse_qs(parts.query)
        self._parts = parts
        self._to = [each.strip() for value in query["to"] for each in value.split(",") if each.strip()]
        self._from = query.get("from", [f"memguard@{socket.gethostname()}"])[0]
        self.name = host_of(address)

    def send(self, notice: Notice, service: str) -> None:
        """Send it; raise where the server is away or takes it for none of the receivers."""
        message = EmailMessage()
        message["Subject"] = " ".join(notice.title(service).split())
        message["From"], message["To"] = self._from, ", ".join(self._to)
        message["Date"] = formatdate(notice.at)
        message.set_content(f"{notice.words()}\n\nService: {service}\nRule: {notice.cause.rule}\n")
        with self._connected() as server:
            server.send_message(message)

    def _connected(self) -> smtplib.SMTP:
        parts, host = self._parts, self._parts.hostname or ""
        if parts.scheme == "smtps":
            context = ssl.create_default_context()
            server: smtplib.SMTP = smtplib.SMTP_SSL(host, parts.port or 465, timeout=SECONDS_MOST, context=context)
        else:
            server = smtplib.SMTP(host, parts.port or 25, timeout=SECONDS_MOST)
            server.ehlo_or_helo_if_needed()
            if server.has_extn("starttls"):
                server.starttls(context=ssl.create_default_context())
        if parts.username:
            server.login(unquote(parts.username), unquote(parts.password or ""))
        return server
