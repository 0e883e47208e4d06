"""`manage.py memguard`: the report of the service that `settings.MEMGUARD` names, as `memguard report` prints it."""

from typing import Any

from django.conf import settings as django_settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from memguard.dashboard.printing import UnreadableError, printed
from memguard.settings import Settings, SettingsError

WRONG = 2


class Command(BaseCommand):
    """Print it."""

    help = "Show what memguard found: findings, operations and workers of this service, from its store."
    requires_system_checks: tuple[str, ...] = ()

    def add_arguments(self, parser: CommandParser) -> None:  # noqa: D102 (Django's)
        parser.add_argument("--json", action="store_true", help="print the report as JSON")

    def handle(self, *_: Any, **options: Any) -> None:  # noqa: D102 (Django's)
        try:
            report = printed(Settings.load(getattr(django_settings, "MEMGUARD", None)), as_json=options["json"])
        except (SettingsError, UnreadableError) as error:
            raise CommandError(str(error), returncode=WRONG) from None
        self.stdout.write(report, ending="")
