"""A Celery task: `celery:shop.tasks.alerted` is sent by the application's current Celery app, with the alert as a dict."""

from celery import current_app

from memguard.export.alerts.alarm import Notice


class Task:
    """Sends one task."""

    def __init__(self, task: str) -> None:
        self._task = task
        self.name = f"celery:{task}"

    def send(self, notice: Notice, service: str) -> None:
        """Send it; raise where the broker is away."""
        current_app.send_task(self._task, kwargs={"alert": notice.body(service)}, retry=False)
