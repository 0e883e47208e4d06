"""The Django app: it has no models, only system checks."""

from django.apps import AppConfig


class MemGuardConfig(AppConfig):
    """Registers the checks."""

    name = "memguard.django"
    label = "memguard"
    verbose_name = "memguard"

    def ready(self) -> None:  # noqa: D102 (Django's)
        from memguard.django import checks  # noqa: F401 (registers them)
