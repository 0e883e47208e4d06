"""A page in a browser, and what goes wrong in it."""

from typing import Any

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import ConsoleMessage, Dialog, Page

FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
"""Tests run as root, without a screen, and without a network that a browser could call home by."""
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


class Visitor:
    """A page that remembers what its console complained of.

    Attributes:
        page: The page itself.
        base: Where memguard's page is.
        complaints: Errors and warnings of the console, and exceptions that nobody caught.
    """

    def __init__(self, page: Page, base: str) -> None:
        self.page = page
        self.base = base
        self.complaints: list[str] = []
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("dialog", self._dialog)

    def _console(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            self.complaints.append(message.text)

    def _dialog(self, box: Dialog) -> None:
        self.complaints.append(f"dialog: {box.message}")
        box.dismiss()

    def open(self, below: str = "") -> Page:
        """Go to a screen, and wait until its scripts have begun."""
        self.page.goto(f"{self.base}{below}")
        self.page.get_by_role("button", name="Pause").wait_for()
        return self.page

    def refresh(self) -> None:
        """Have the scripts ask for the screen again, and take it over, as they do every two seconds."""
        with self.page.expect_event("console", lambda message: message.text == "shown"):
            self.page.evaluate("""() => {
                document.addEventListener("memguard:shown", () => console.info("shown"), { once: true });
                document.dispatchEvent(new Event("visibilitychange"));
            }""")

    def shortcomings(self, *rules: str) -> list[str]:
        """Return what axe finds wrong for people who cannot see, or not well, or use no mouse; by default by all rules."""
        only = {"type": "rule", "values": rules} if rules else {"type": "tag", "values": RULES}
        found: dict[str, Any] = Axe().run(self.page, options={"runOnly": only}).response
        return [
            f"{each['id']}: {each['help']}: {node['html'][:200]}"
            for each in found["violations"]
            for node in each["nodes"]
        ]

    @property
    def overflow(self) -> int:
        """By how many pixels the page is wider than its window."""
        return int(self.page.evaluate("document.scrollingElement.scrollWidth - innerWidth"))
