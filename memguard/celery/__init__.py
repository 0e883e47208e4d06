"""Celery: `MemGuard(celery_app)`; settings also as `memguard_…` in the app's configuration.

A task run's unit lasts from `task_prerun` to `task_postrun`, in the process that runs it: a child of the prefork
pool, or the worker itself. Eager tasks are part of what called them. A process that imports the app and runs no
worker gets no guard.
"""

import weakref
from typing import Any

from celery import Celery, signals
from celery.local import Proxy
from celery.states import FAILURE

from memguard.adapting import load_settings
from memguard.celery import inspecting
from memguard.forking import reset_in_child
from memguard.recycling.servers.celery import Process
from memguard.safety import Part
from memguard.settings import Settings, SettingsError
from memguard.wiring.guard import Guard, Unit

CONF_PREFIX = "memguard_"

_part = Part("watching Celery tasks")


class MemGuard:
    """Watches the tasks of a Celery app, in its workers; a second one for the same app does nothing.

    Args:
        app: The Celery app.
        settings: Settings by name; they win over `memguard_…` in `app.conf`, which is read when a worker starts.

    Raises:
        SettingsError: A setting is unknown or malformed.
    """

    def __init__(self, app: Celery, **settings: object) -> None:
        load_settings(None, settings)
        self.app = app._get_current_object() if isinstance(app, Proxy) else app
        self._arguments = settings
        self._settings: Settings | None = None
        self._process = Process()
        self._start_anew()
        reset_in_child(self._start_anew)
        inspecting.offer(self.app, self._known_settings)
        for signal, handler in (
            (signals.worker_init, self._on_worker_init),
            (signals.worker_process_init, self._on_process_init),
            (signals.task_prerun, self._on_prerun),
            (signals.task_postrun, self._on_postrun),
            (signals.worker_process_shutdown, self._on_process_shutdown),
            (signals.worker_shutdown, self._on_worker_shutdown),
        ):
            # The signal holds this object, which holds the app: its id stays its own.
            signal.connect(handler, weak=False, dispatch_uid=("memguard", id(self.app)))

    def _start_anew(self) -> None:
        self._guard: Guard | None = None
        self._units: dict[int, tuple[Unit, weakref.ref[Any]]] = {}

    def _on_worker_init(self, sender: Any, **_: object) -> None:
        if sender.app is not self.app:
            return
        try:
            self._settings = self._load()
        except SettingsError as error:
            # The one exception that a signal lets through, and the way a worker that is set up wrongly ends.
            raise SystemExit(str(error)) from None
        self._process.has_worker(sender)
        inspecting.register()

    def _on_process_init(self, **_: object) -> None:
        with _part:
            if self._settings is None or self._settings.mode != "off":
                self._process.is_pool_process()

    def _is_mine(self, app: Celery) -> bool:
        # A pool process that was spawned runs the tasks of a copy of the application, which Celery has made for it.
        return app is self.app or (self._process.was_spawned and app.main == self.app.main)

    def _load(self) -> Settings:
        conf = self.app.conf
        found = {key.removeprefix(CONF_PREFIX): conf[key] for key in conf if key.startswith(CONF_PREFIX)}
        return load_settings(found, self._arguments)

    def _on_prerun(self, task: Any, **_: object) -> None:
        if not _part.on or not self._is_mine(task.app):
            return
        with _part:
            # Two runs of one task id are two requests, so the request is what a unit is known by.
            running = task.request_stack.top
            guard = None if running is None or running.is_eager else self._guard_here()
            if guard is not None:
                key = id(running)
                unit = guard.begin("task", task.name)
                unit.expires(running, "task request")
                unit.runs(task.run)
                self._units[key] = unit, weakref.ref(running, lambda _: self._end(key))

    def _on_postrun(self, task: Any, state: str | None = None, **_: object) -> None:
        if self._units:
            with _part:
                self._end(id(task.request_stack.top), error=state == FAILURE)

    def _end(self, key: int, *, error: bool = False) -> None:
        # Also called when a request is gone whose `task_postrun` never came.
        unit, _ = self._units.pop(key, (None, None))
        if unit is not None and self._guard is not None:
            self._guard.end(unit, error=error)

    def _known_settings(self) -> Settings:
        if self._settings is None:  # a pool process that was spawned, not forked, knows no worker
            self._settings = self._load()
        return self._settings

    def _guard_here(self) -> Guard | None:
        if self._guard is None and self._known_settings().mode != "off":
            known, process = self._known_settings(), self._process
            self._guard = Guard.for_process(known, kind="celery", server=process.server(), notes=process.notes(known))
        return self._guard

    def _on_process_shutdown(self, **_: object) -> None:
        self._close()

    def _on_worker_shutdown(self, sender: Any, **_: object) -> None:
        if sender.app is self.app:
            self._close()

    def _close(self) -> None:
        with _part:
            guard, self._guard = self._guard, None
            if guard is not None:
                guard.close()
