"""The explorer's server: a page, commands by POST, frames by server-sent events.

This module, `takeaway`, `map_room` and `serve` are those that need the extra `explore`.

A stream sends the newest frame whenever there is a newer one, 32 times a second at
most. What a slow browser has not taken is never queued: while it reads, the stream
waits, and what it gets next is the frame that is newest then.
"""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from toymodels.config import SettingsError, check_count
from toymodels.explorer.controls import Controls
from toymodels.explorer.fields import page_settings
from toymodels.explorer.map_room import (
    begin_from,
    give_up_map,
    make_map,
    map_making,
    maps_listed,
    one_map,
)
from toymodels.explorer.poke_commands import poke_contour, poke_push, poke_take
from toymodels.explorer.presets import planted_examples
from toymodels.explorer.quiz_room import begin_quiz, take_guess
from toymodels.explorer.security import Guard
from toymodels.explorer.sessions import (
    MOST_VIEWERS,
    FullError,
    Session,
    Sessions,
    checked_pace,
)
from toymodels.explorer.takeaway import page_file, script_file, weights_file
from toymodels.explorer.trainer import ENDED, EndedError

# Somewhat more than the thirty that a page should get even when the machine is busy.
FRAMES_PER_SECOND = 32
# Through proxies that close what is silent, and so that a vanished browser is noticed.
HEARTBEAT_SECONDS = 10.0
SWEEP_SECONDS = 5.0
MOST_STEPS_AT_ONCE = 10_000
# Frames are made in threads of their own, so that slow requests hold none of them up.
FRAME_THREADS = 16

PAGE = Path(__file__).with_name("page")
# What is served, by name: no path of a request ever reaches the file system.
FILES = {path.name: path for path in sorted(PAGE.iterdir()) if path.is_file()}
KINDS = {
    ".html": "text/html",
    ".css": "text/css",
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
}


def explorer_app(
    sessions: Sessions | None = None,
    *,
    host: str = "127.0.0.1",
    token: str | None = None,
) -> Guard:
    """The application, for any ASGI server.

    Args:
        sessions: where trainings live; new ones of the default size when None.
        host: address that it is served at, which `Host` is compared with.
        token: asked of every visitor, unless None.
    """
    kept = Sessions() if sessions is None else sessions
    threads = ThreadPoolExecutor(FRAME_THREADS, thread_name_prefix="toymodels-frames")

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        sweeping = asyncio.create_task(_sweep(kept))
        try:
            yield
        finally:
            sweeping.cancel()
            await run_in_threadpool(kept.close)
            threads.shutdown(wait=False)

    session = "/api/sessions/{session}"
    commands = {
        "play": _play,
        "pause": _pause,
        "restart": _restart,
        "step": _step,
        "settings": _settings,
        "pace": _pace,
        "frame": _frame,
        "make-map": make_map,
        "give-up-map": give_up_map,
        "begin-from": begin_from,
        "poke-take": poke_take,
        "poke-push": poke_push,
        "poke-contour": poke_contour,
        "quiz": _quiz,
        "guess": _guess,
    }
    looks = {
        "history": _history,
        "script": script_file,
        "weights": weights_file,
        "page": page_file,
        "maps": maps_listed,
        "map": one_map,
        "map-making": map_making,
        "quiz": _quiz_state,
    }
    routes = [
        Route("/", _index),
        Route("/page/{name}", _file),
        Route("/api/page", _page_settings),
        Route("/api/sessions", _begin, methods=["POST"]),
        Route(session + "/events", _events),
        *(
            Route(f"{session}/{name}", _command(work), methods=["POST"])
            for name, work in commands.items()
        ),
        *(Route(f"{session}/{name}", _look(work)) for name, work in looks.items()),
        Route(session, _look(_state)),
    ]
    app = Starlette(
        routes=routes,
        lifespan=lifespan,
        exception_handlers={
            SettingsError: _bad_setting,
            FullError: _full,
            EndedError: _ended,
            ClientDisconnect: _gone,
        },
    )
    app.state.sessions, app.state.frame_threads = kept, threads
    return Guard(app, host=host, token=token)


async def _sweep(sessions: Sessions) -> None:
    while True:
        await asyncio.sleep(SWEEP_SECONDS)
        await run_in_threadpool(sessions.sweep)


# --- answers -------------------------------------------------------------------------


def _bad_setting(request: Request, error: Exception) -> Response:
    """The field and what is wrong with it, to be shown beside it."""
    field = getattr(error, "field", "settings").partition("[")[0]
    message = str(error).removeprefix(getattr(error, "field", "") + ": ")
    return JSONResponse({"field": field, "message": message}, status_code=422)


def _full(request: Request, error: Exception) -> Response:
    return JSONResponse({"field": None, "message": str(error)}, status_code=503)


def _gone(request: Request, error: Exception) -> Response:
    """Nobody reads it, except one who sent more than is allowed."""
    return Response(status_code=413)


def _ended(request: Request, error: Exception) -> Response:
    """It was closed while the request was on its way."""
    return _no_session()


def _no_session() -> Response:
    message = "this training has ended; a new one can be begun"
    return JSONResponse({"field": None, "message": message}, status_code=404)


def _json(data: Any) -> Response:
    return JSONResponse(data)


async def _body(request: Request) -> dict[str, Any]:
    """The object that was sent; none is the empty one.

    Raises:
        SettingsError: it is no JSON object.
    """
    raw = await request.body()
    if not raw:
        return {}
    try:
        data = json.loads(raw)
    except (ValueError, RecursionError):
        raise SettingsError("body", raw[:40], "JSON") from None
    if not isinstance(data, dict):
        raise SettingsError("body", data, "an object of names and values")
    return data


# --- the page ------------------------------------------------------------------------


async def _index(request: Request) -> Response:
    return FileResponse(FILES["index.html"], media_type="text/html")


async def _file(request: Request) -> Response:
    path = FILES.get(request.path_params["name"])
    if path is None:
        return Response(status_code=404)
    return FileResponse(path, media_type=KINDS.get(path.suffix, "text/plain"))


async def _page_settings(request: Request) -> Response:
    return _json(page_settings() | {"planted": planted_examples()})


# --- sessions ------------------------------------------------------------------------


async def _begin(request: Request) -> Response:
    data = await _body(request)
    sessions: Sessions = request.app.state.sessions
    resumed = sessions.find(str(data.get("resume")))
    if resumed is not None:
        return _json({"session": resumed.id, "resumed": True})
    controls = Controls.of(data.get("settings", {}))
    # Compiles the initial weights, which takes a moment.
    session = await run_in_threadpool(sessions.begin, controls)
    return _json({"session": session.id, "resumed": False})


def _found(request: Request) -> Session | None:
    sessions: Sessions = request.app.state.sessions
    return sessions.find(request.path_params["session"])


def _command(work: Callable[[Session, dict[str, Any]], Any]) -> Callable:
    """A route that reads an object and does something to a session."""

    async def route(request: Request) -> Response:
        session = _found(request)
        if session is None:
            return _no_session()
        data = await _body(request)
        return _json(await run_in_threadpool(work, session, data))

    return route


def _look(work: Callable[[Session, Request], Response]) -> Callable:
    """A route that only looks at a session."""

    async def route(request: Request) -> Response:
        session = _found(request)
        if session is None:
            return _no_session()
        return await run_in_threadpool(work, session, request)

    return route


def _play(session: Session, data: dict[str, Any]) -> Any:
    session.trainer.play()
    return {}


def _pause(session: Session, data: dict[str, Any]) -> Any:
    session.trainer.pause()
    return {}


def _restart(session: Session, data: dict[str, Any]) -> Any:
    session.trainer.restart(fresh=data.get("fresh") is True)
    return {"restarted": True}


def _step(session: Session, data: dict[str, Any]) -> Any:
    count = check_count("count", data.get("count", 1), maximum=MOST_STEPS_AT_ONCE)
    session.trainer.step(count)
    return {}


def _settings(session: Session, data: dict[str, Any]) -> Any:
    """All settings, or those that were changed: two forms do not undo each other."""
    changes = Controls.changes(data.get("settings"))
    return {"restarted": session.trainer.change(changes)}


def _pace(session: Session, data: dict[str, Any]) -> Any:
    session.trainer.slow_down(checked_pace(data.get("pace")))
    return {}


def _frame(session: Session, data: dict[str, Any]) -> Any:
    return session.at(check_count("step", data.get("step"), minimum=0))


def _quiz(session: Session, data: dict[str, Any]) -> Any:
    return begin_quiz(session.quiz_room, session.trainer, data)


def _guess(session: Session, data: dict[str, Any]) -> Any:
    return take_guess(session.quiz_room, data)


def _quiz_state(session: Session, request: Request) -> Response:
    return _json(session.quiz_room.state())


def _state(session: Session, request: Request) -> Response:
    return Response(session.newest()[1], media_type="application/json")


def _history(session: Session, request: Request) -> Response:
    return _json(session.history())


# --- frames --------------------------------------------------------------------------


async def _events(request: Request) -> Response:
    session = _found(request)
    if request.method == "HEAD":
        return Response(status_code=404 if session is None else 200)
    if session is None:
        # The browser would try for ever; 204 tells it to stop.
        return Response(status_code=204)
    if session.viewers >= MOST_VIEWERS:
        raise FullError(f"at most {MOST_VIEWERS} tabs can show one training")
    sessions: Sessions = request.app.state.sessions
    stream = _stream(sessions, session, request.app.state.frame_threads)
    return StreamingResponse(stream, media_type="text/event-stream")


async def _stream(
    sessions: Sessions, session: Session, threads: ThreadPoolExecutor
) -> AsyncIterator[bytes]:
    """The newest frame as an event, whenever there is a newer one."""
    loop = asyncio.get_running_loop()
    sent, quiet_since, due = None, loop.time(), loop.time()
    session.viewers += 1
    try:
        while not sessions.closed and session.trainer.status != ENDED:
            session.touch()
            if session.trainer.version != sent:
                sent, message = await loop.run_in_executor(threads, session.newest)
                yield b"data: " + message + b"\n\n"
                quiet_since = loop.time()
            elif loop.time() - quiet_since > HEARTBEAT_SECONDS:
                yield b": still here\n\n"
                quiet_since = loop.time()
            # Even times, so that what a turn takes does not add up; a late one is not
            # made good by a hurried next.
            due = max(due + 1 / FRAMES_PER_SECOND, loop.time() + 0.001)
            await asyncio.sleep(due - loop.time())
        yield b"event: ended\ndata: {}\n\n"
    finally:
        session.viewers -= 1
