"""A run as files: a script, weights, a page that opens without a server."""

import numpy as np
from starlette.requests import Request
from starlette.responses import Response

from toymodels.config import check_count
from toymodels.explorer.controls import ENDLESS
from toymodels.explorer.saved_page import saved_page
from toymodels.explorer.script import run_script
from toymodels.explorer.sessions import Session
from toymodels.explorer.turns import Turns
from toymodels.training.weights import weights_bytes

# The shapes of all its frames are named, which takes seconds for large models.
_saving = Turns("page", most=3)


def _asked_step(session: Session, request: Request) -> int:
    """The step in the address, or the newest one."""
    asked = request.query_params.get("step")
    if asked is None:
        return session.trainer.newest.step
    digits = asked.isascii() and asked.isdigit() and len(asked) < 12
    return check_count("step", int(asked) if digits else asked, minimum=0)


def _attached(content: bytes | str, name: str, kind: str) -> Response:
    headers = {"content-disposition": f'attachment; filename="{name}"'}
    return Response(content, media_type=kind, headers=headers)


def script_file(session: Session, request: Request) -> Response:
    """The script that trains to the step in the address."""
    step = session.trainer.at(_asked_step(session, request)).step
    name = f"toymodels-run-{step}.py"
    return _attached(run_script(session.trainer, step), name, "text/x-python")


def weights_file(session: Session, request: Request) -> Response:
    """The weights at the step in the address, as `tm.load_weights` reads them."""
    frame = session.trainer.at(_asked_step(session, request))
    spec = frame.controls.spec(steps=min(max(frame.step, 1), ENDLESS))
    content = weights_bytes(
        spec, {"W": frame.W[None], "b": frame.b[None]}, np.arange(1)
    )
    name = f"toymodels-weights-{frame.step}.safetensors"
    return _attached(content, name, "application/octet-stream")


def page_file(session: Session, request: Request) -> Response:
    """The page with the run inside."""
    name = f"toymodels-explorer-{session.trainer.newest.step}.html"
    with _saving.turn():
        return _attached(saved_page(session.trainer), name, "text/html")
