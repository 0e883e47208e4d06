"""Websocket sessions of a worker that is on its way out: they end with 1012, and their clients come back elsewhere."""

import asyncio
import weakref
from contextlib import suppress

from memguard.asgi.endpoint import Message, Receive, Send
from memguard.safety import Part
from memguard.wiring.guard import Guard

SERVICE_RESTART, REASON = 1012, "service restart"
SECONDS_BETWEEN_LOOKS = 0.25

_part = Part("closing websockets of a worker that leaves")
_watching: "weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, _Sessions]" = weakref.WeakKeyDictionary()


class RefusedError(OSError):
    """A websocket session was ended from here, and its application has sent something since."""


def channel_of(guard: Guard, receive: Receive, send: Send) -> tuple[Receive, Send]:
    """Return what the application of a websocket session gets as its `receive` and `send`."""
    session = Session(guard, receive, send)
    return session.receive, session.send


class Session:
    """One websocket session, between the application and its server: the application gets its `receive` and `send`."""

    def __init__(self, guard: Guard, receive: Receive, send: Send) -> None:
        self._guard = guard
        self._receive, self._send = receive, send
        self._awaited: object = None
        self._is_open = self._is_told = False
        self._ended = asyncio.Event()

    async def receive(self) -> Message:
        """Wait for the client's next message; after the end of the session that is what a client's going is told by."""
        if not self._is_told:
            awaited = self._receive()
            self._awaited = awaited
            try:
                return await awaited
            except asyncio.CancelledError:
                if not self._is_interrupted():
                    raise
            finally:
                self._awaited = None
        await self._ended.wait()
        return {"type": "websocket.disconnect", "code": SERVICE_RESTART, "reason": REASON}

    async def send(self, message: Message) -> None:
        """Pass a message on; after the end it is refused, as by a server whose client has gone.

        Raises:
            RefusedError: The session was ended because the worker leaves.
        """
        if self._is_told:
            # Not before the close is on its way: a server closes by itself, with another code, once the application ends.
            await self._ended.wait()
            raise RefusedError("the websocket was closed with 1012, since this worker is being replaced")
        await self._send(message)
        kind = message["type"]
        if kind == "websocket.accept":
            self._is_open = True
            with _part:
                _watch(self, self._guard)
        elif kind == "websocket.close":
            self._is_open = False

    def _is_interrupted(self) -> bool:
        """Tell whether it was `end` that has cancelled the waiting, and not somebody who has cancelled the application."""
        task = asyncio.current_task()
        return self._is_told and not (task is not None and task.cancelling())

    async def end(self) -> None:
        """Close it, if it is open, in a way that lets the client come back to another worker at once."""
        if self._is_open and not self._is_told:
            self._is_told = True
            try:
                # granian sends nothing while somebody waits for a message of the client's, who may be silent for long.
                if asyncio.isfuture(self._awaited):
                    self._awaited.cancel()
                await self._send({"type": "websocket.close", "code": SERVICE_RESTART, "reason": REASON})
            finally:
                self._ended.set()


class _Sessions:
    """The open sessions of an event loop, and one timer for all of them."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        # A timer of the loop's holds this; it must not hold the loop, which is the key that it is found by.
        self._loop = weakref.ref(loop)
        self._open: weakref.WeakSet[Session] = weakref.WeakSet()
        self._is_watching = False
        self._endings: set[asyncio.Task[None]] = set()

    def add(self, session: Session, guard: Guard) -> None:
        """Watch a session from now on."""
        self._open.add(session)
        if not self._is_watching:
            self._is_watching = True
            self._look(guard)

    def _look(self, guard: Guard) -> None:
        loop = self._loop()
        self._is_watching = bool(self._open) and loop is not None
        if loop is None or not self._is_watching:
            return
        if guard.draining:
            self._is_watching = False
            for session in tuple(self._open):
                ending = loop.create_task(_end(session))
                self._endings.add(ending)
                ending.add_done_callback(self._endings.discard)
        else:
            loop.call_later(SECONDS_BETWEEN_LOOKS, self._look, guard)


async def _end(session: Session) -> None:
    with _part, suppress(OSError):  # its client has gone meanwhile
        await session.end()


def _watch(session: Session, guard: Guard) -> None:
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:  # another library runs the loop, like trio
        return
    if loop not in _watching:
        _watching[loop] = _Sessions(loop)
    _watching[loop].add(session, guard)
