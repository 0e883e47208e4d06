"""The page: screens of HTML that are read without a script; the scripts only keep them fresh and make them quicker."""

import time
from collections.abc import Callable

from memguard.dashboard import api
from memguard.dashboard.messages import HTML, Request, Response, Source, base_of, response
from memguard.dashboard.screens.actions import actions
from memguard.dashboard.screens.finding import finding
from memguard.dashboard.screens.inspected import inspected
from memguard.dashboard.screens.lines import lines
from memguard.dashboard.screens.markup import joined, tag
from memguard.dashboard.screens.objects import objects
from memguard.dashboard.screens.operations import operations
from memguard.dashboard.screens.overview import overview
from memguard.dashboard.screens.pieces import empty
from memguard.dashboard.screens.shell import document
from memguard.dashboard.screens.snapshots import snapshots
from memguard.dashboard.screens.timeline import timeline
from memguard.dashboard.screens.units import units
from memguard.dashboard.screens.visit import Screen, Visit, query_of
from memguard.settings import Settings

_SCREENS: dict[str, Callable[[Visit], Screen]] = {
    "": overview,
    "timeline": timeline,
    "operations": operations,
    "units": units,
    "objects": objects,
    "snapshots": snapshots,
    "actions": actions,
    "lines": lines,
    "inspected": inspected,
}


def screen(below: str, request: Request, settings: Settings, source: Source) -> Response | None:
    """Return the screen at a path below the endpoint, None where there is none."""
    name = below.removeprefix("/")
    fingerprint = name.removeprefix("findings/")
    is_finding = fingerprint != name and api.reproduction_path(fingerprint) is not None
    if not is_finding and name not in _SCREENS:
        return None
    report = api.report_of(source, settings)
    visit = Visit(base_of(request, settings), name, query_of(request.query), settings, source, report, time.time())
    if not is_finding:
        return response(200, HTML, document(visit, _SCREENS[name](visit)))
    told = next((each for each in report["findings"] if each["fingerprint"] == fingerprint), None)
    if told is None:
        return response(404, HTML, document(visit, _no_finding(visit, fingerprint)))
    return response(200, HTML, document(visit, finding(visit, told)))


def _no_finding(visit: Visit, fingerprint: str) -> Screen:
    link = tag("a", "All operations", href=visit.link("operations"))
    told = f"{fingerprint} may have been mended: a finding that no worker stands by any more is listed for a day."
    inside = joined([tag("h1", "No such finding"), empty("It is not in the report.", told, link)])
    return Screen("No such finding", inside)
