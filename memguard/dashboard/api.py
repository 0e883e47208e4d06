"""The API: which answer each path below `/api/` has."""

import json
import re
import time
from functools import cache
from importlib.resources import files
from typing import Any

from memguard.dashboard import commanding, lists, picturing, queries
from memguard.dashboard.accused import best_told
from memguard.dashboard.deploys import history
from memguard.dashboard.issue import as_markdown
from memguard.dashboard.merging import moment
from memguard.dashboard.messages import DOT, JSON, MARKDOWN, PYTHON, Request, Response, Source, base_of, response
from memguard.dashboard.report import SCHEMA, build
from memguard.dashboard.source import around_sites
from memguard.explain.reproduction import reproduction
from memguard.export.dot import as_dot
from memguard.model import Operation
from memguard.settings import Settings

_GRAPH = re.compile(r"commands/([0-9a-f]{16})/graph\.dot", re.ASCII)
_FINDING = re.compile(r"findings/([0-9a-f]{1,64})(?:/(reproduction|issue))?", re.ASCII)


def report_of(source: Source, settings: Settings) -> dict[str, Any]:
    """Return the report as it is now, this worker's last second included."""
    source.flush()
    store = source.store
    stored = store.read(folded=True)
    report = build(
        stored,
        service=settings.service,
        answered_by=source.worker_id,
        now=time.time(),
        place=store.place,
        notes=store.notes,
    )
    refusal = commanding.refusal(settings)
    return {**report, "commands": {"allowed": not refusal, "reason": refusal}}


def methods(name: str) -> tuple[str, ...]:
    """Return the methods that `/api/<name>` answers."""
    return ("GET", "HEAD", "POST") if name == "commands" else ("GET", "HEAD")


def answer(name: str, request: Request, settings: Settings, source: Source) -> Response | None:
    """Return the answer of `/api/<name>` to one of its methods, None where there is no such name."""
    try:
        if name == "commands" and request.method == "POST":
            return as_json(202, _dated(commanding.post(request, settings, source), settings))
        if name == "openapi.json":
            queries.asked(request.query)
            return as_json(200, {**openapi(), "servers": [{"url": base_of(request, settings)}]})
        if name == "report":
            queries.asked(request.query)
            return as_json(200, report_of(source, settings))
        if told := _list(name, request.query, settings, source):
            return as_json(200, _dated(told, settings))
        if asked_for := _FINDING.fullmatch(name):
            queries.asked(request.query)
            return _finding(asked_for[1], asked_for[2], settings, source)
        if drawn := _GRAPH.fullmatch(name):
            queries.asked(request.query)
            return _graph(drawn[1], source)
        if wanted := picturing.PATH.fullmatch(name):
            if wanted[2]:
                return picturing.download(wanted[1], wanted[2], request.query, source)
            return as_json(200, _dated(picturing.shown(wanted[1], request.query, source), settings))
    except queries.QueryError as error:
        return as_json(400, {"error": str(error)})
    except picturing.MissingError as error:
        return as_json(404, {"error": str(error)})
    except commanding.RefusedError as error:
        return as_json(error.status, {"error": str(error)})
    return None


def reproduction_path(fingerprint: str) -> str | None:
    """Return the path of a finding's reproduction, below the endpoint's own; None for what is no fingerprint."""
    name = f"findings/{fingerprint}/reproduction"
    return f"/api/{name}" if _FINDING.fullmatch(name) else None


def as_json(status: int, data: object) -> Response:
    """Return data as a response, in ASCII."""
    return response(status, JSON, json.dumps(data, separators=(",", ":"), allow_nan=False))


@cache
def openapi() -> dict[str, Any]:
    """Return the description of all of this, OpenAPI 3.1."""
    described: dict[str, Any] = json.loads((files(__package__) / "openapi.json").read_text())
    return described


def _list(name: str, query: str, settings: Settings, source: Source) -> dict[str, Any] | None:
    if name == "commands":
        return commanding.get(query, source)
    if name == "snapshots":
        return picturing.listing(query, source)
    ask = {"timeline": lists.timeline, "units": lists.units, "objects": lists.objects}.get(name)
    if ask is None:
        return None
    source.flush()
    return ask(query, settings, source)


def _dated(told: dict[str, Any], settings: Settings) -> dict[str, Any]:
    return {"schema": SCHEMA, "service": settings.service, "generated_at": moment(time.time()), **told}


def _graph(command: str, source: Source) -> Response:
    asked = next((each for each in source.store.commands(limit=commanding.COMMANDS_READ) if each.id == command), None)
    found = asked.outcome.inspection if asked is not None and asked.outcome is not None else None
    if found is None or found.graph is None:
        return as_json(404, {"error": f"the command {command} has found no graph"})
    file = ("Content-Disposition", f'attachment; filename="objects_{command}.dot"')
    return response(200, DOT, as_dot(found.graph), file)


def _finding(fingerprint: str, what: str | None, settings: Settings, source: Source) -> Response:
    if what != "reproduction":
        rows = [row for row in report_of(source, settings)["findings"] if row["fingerprint"] == fingerprint]
        if rows and what == "issue":
            return response(200, MARKDOWN, as_markdown(rows[0], settings.service))
        if rows:
            deploys = history(source.store.read(), Operation(**rows[0]["operation"]))
            more = {"history": deploys, "source": around_sites(rows[0]["sites"])}
            return as_json(200, _dated({"finding": rows[0], **more}, settings))
    else:
        source.flush()
        told = best_told(finding for _, finding in source.store.read().findings if finding.fingerprint == fingerprint)
        if told is not None:
            file = ("Content-Disposition", f'attachment; filename="test_leak_{fingerprint}.py"')
            return response(200, PYTHON, reproduction(told), file)
    return as_json(404, {"error": f"no finding has the fingerprint {fingerprint}"})
