"""What the page asks of the map: a list, a map, a new one, a point to go on from."""

import functools
import json
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from toymodels.config import SettingsError, check_count
from toymodels.disk import StoreError
from toymodels.explorer.map import Map, describe_map, start_words
from toymodels.explorer.map_making import BusyError
from toymodels.explorer.map_store import MOST_KEPT, kept_map, stored_maps
from toymodels.explorer.sessions import FullError, Session
from toymodels.explorer.trainer import Start
from toymodels.explorer.turns import Turns
from toymodels.store import Store, default_root

# Reading one may take a hundred megabytes and naming its shapes some seconds.
_reading = Turns("map", most=6)


def maps_listed(session: Session, request: Request) -> Response:
    """The maps there are: those that this session has made, then those of the store."""
    made = [_listed(one) for one in reversed(session.maps.maps())]
    stored = [
        {"id": one.id, "title": one.title, "n": one.n, "d": one.d,
         "activation": one.activation}
        for one in stored_maps(_store())
    ]  # fmt: skip
    return JSONResponse({"maps": made + stored, "making": session.maps.progress()})


def one_map(session: Session, request: Request) -> Response:
    """A map in plain data; `id` in the address names it."""
    with _reading.turn():
        found = _found(session, request.query_params.get("id"))
        return Response(_described(found), media_type="application/json")


def map_making(session: Session, request: Request) -> Response:
    """How far the map is that is being trained."""
    return JSONResponse(session.maps.progress())


def make_map(session: Session, data: dict[str, Any]) -> Any:
    """Begin to train a map for the run's settings."""
    try:
        session.maps.begin(session.trainer.controls)
    except BusyError as error:
        raise FullError(str(error)) from None
    return session.maps.progress()


def give_up_map(session: Session, data: dict[str, Any]) -> Any:
    """Give up the map that is being trained."""
    session.maps.give_up()
    return {}


def begin_from(session: Session, data: dict[str, Any]) -> Any:
    """Take the settings and the weights of a point, and train on from there."""
    with _reading.turn():
        found = _found(session, data.get("map"))
    last = len(found.controls) - 1
    point = check_count("point", data.get("point"), minimum=0, maximum=last)
    start = Start(found.W[point], found.b[point], start_words(found, point))
    session.trainer.begin_from(found.controls[point], start)
    session.trainer.play()
    return {"restarted": True}


def _found(session: Session, identity: object) -> Map:
    """A map of this session or of the store.

    Raises:
        SettingsError: there is none of that name, or it cannot be read.
    """
    for made in session.maps.maps():
        if made.id == identity:
            return made
    store = _store()
    for one in stored_maps(store):
        if one.id == identity:
            try:
                return kept_map(store, one.key)
            except StoreError as error:
                raise SettingsError(
                    "map", one.id, "a result that can be read"
                ) from error
    raise SettingsError("map", identity, "one of the list", "reload the page")


def _store() -> Store:
    return Store(default_root())


def _listed(found: Map) -> dict[str, Any]:
    first = found.controls[0]
    return {
        "id": found.id,
        "title": f"{found.title}, made here",
        "n": first.n,
        "d": first.d,
        "activation": first.activation,
    }


@functools.lru_cache(maxsize=MOST_KEPT)
def _described(found: Map) -> bytes:
    """The JSON of a map; naming the shapes of one takes a moment."""
    text = json.dumps(describe_map(found), separators=(",", ":"), allow_nan=False)
    return text.encode()
