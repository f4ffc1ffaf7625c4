"""TMS-12: a polytope is a low-rank matrix, and the direction that it loses names it.

Figure: feature vectors beside their WᵀW, after Elhage et al. 2022, *Toy Models of
Superposition*, "The Geometry of Superposition": a regular polytope of n features in d
dimensions is a rank-d matrix WᵀW. Three features in the plane form a triangle exactly
when W is orthogonal to (1, 1, 1); a square is two digons, so WᵀW falls apart into two
blocks.

Claims, exact to 1e-12: W·(1, 1, 1) = 0 for the triangle; the square's WᵀW is that of
two digons in orthogonal dimensions, up to the order of features; (d/n)·WᵀW is a
projector of rank d for each polytope. Controls: a triangle with one vertex turned, a
rectangle instead of a square, polytopes with one vertex turned. Nothing is trained, so
there is no linear control. Run time: 1 s.

Axis letters: n vertices, d dimensions.
"""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float
from matplotlib.figure import Figure

import toymodels as tm
from toymodels.claims import AtMost, Claim, control, judge
from toymodels.config import check_choice, content_hash, from_json, settings, to_json
from toymodels.geometry import (
    digon,
    gram_distance,
    pentagon,
    regular_polygon,
    square_antiprism,
    tegum_product,
    tetrahedron,
    triangle,
)
from toymodels.plotting import (
    caption_line,
    draw_matrix,
    draw_vectors,
    panels,
    set_caption,
    set_title,
)
from toymodels.result import Result

ID = "TMS-12"
TITLE = "Polytopes as low-rank matrices"
SOURCE = "Elhage et al. 2022, The Geometry of Superposition"

REGULAR = {
    "digon": digon,
    "triangle": triangle,
    "square": lambda: regular_polygon(4),
    "pentagon": pentagon,
    "tetrahedron": tetrahedron,
    "square antiprism": square_antiprism,
}


@settings
class PolytopeMatrices:
    """Settings of TMS-12; the statements are exact, so all scales are the same."""

    tilt: float = 10.0  # degrees that a vertex is turned by in the controls
    scale: str = "laptop"
    seed: int = 0  # nothing is random

    @classmethod
    def preset(cls, scale: str) -> "PolytopeMatrices":
        """The settings of a scale."""
        check_choice("scale", scale, ("smoke", "laptop", "paper"))
        return cls(scale=scale)


def compute(
    settings: PolytopeMatrices, train: Callable[[tm.TrainSpec], tm.Run]
) -> Result:
    """The weights of each polytope and of the controls; trains nothing."""
    arrays = {f"W/{name}": make() for name, make in REGULAR.items()}
    arrays |= {
        f"turned/{name}": turned(make(), settings.tilt)
        for name, make in REGULAR.items()
        if name != "digon"  # on a line, nothing can be turned
    }
    # Both diagonals of a rectangle stay digons, but not orthogonal ones.
    diagonal = arrays["turned/square"][:, [3]]
    arrays["rectangle"] = np.concatenate(
        [arrays["W/square"][:, [0, 2]], diagonal, -diagonal], axis=1
    )
    return Result(arrays=arrays, meta={"settings": to_json(settings)})


def plot(result: Result) -> dict[str, Figure | bytes]:
    """Vectors above, WᵀW below."""
    settings = from_json(result.meta["settings"])
    shown = {k: result[f"W/{k}"] for k in ("digon", "triangle", "pentagon", "square")}
    # The same square with opposite vertices next to each other: two blocks.
    shown["square, reordered"] = shown["square"][:, [0, 2, 1, 3]]
    figure, axes = panels(2 * len(shown), columns=len(shown), panel_height=2.1)
    for (name, W), above, below in zip(
        shown.items(), axes[: len(shown)], axes[len(shown) :], strict=True
    ):
        plane = np.pad(W, ((0, 2 - len(W)), (0, 0)))
        labels = [str(i + 1) for i in range(W.shape[1])]
        draw_vectors(above, plane, labels=labels, limit=1.5)
        above.set_title(name, loc="center")
        gram = W.T @ W
        draw_matrix(below, gram)
        rank = np.linalg.matrix_rank(gram)
        below.set_title(f"{len(gram)} × {len(gram)}, rank {rank}", loc="center")
    set_title(figure, f"{TITLE}: vectors above, WᵀW below (red +1, blue −1)")
    set_caption(
        figure,
        caption_line(scale="exact, float64", fingerprint=content_hash(settings)),
    )
    return {"matrices": figure}


def claims(result: Result) -> list[Claim]:
    """The triangle's lost direction, the square's blocks, and the projectors."""
    settings = from_json(result.meta["settings"])
    exact = AtMost(1e-12)
    common = {
        "experiment": ID,
        "source": SOURCE,
        "expected": 0.0,
        "test": exact,
        "exact": True,
        "scale": settings.scale,
    }
    vertex = f"one vertex turned by {settings.tilt:g}°"

    def errors(kind: str) -> list[float]:
        return [projector_error(W) for k, W in result.arrays.items() if kind in k]

    return [
        judge(
            id="TMS-12.triangle",
            statement="the triangle's W is orthogonal to (1, 1, 1)",
            statistic="‖W·(1, 1, 1)‖",
            samples=lost(result["W/triangle"]),
            controls=(control(vertex, lost(result["turned/triangle"]), exact),),
            **common,
        ),
        judge(
            id="TMS-12.square",
            statement="a square is two digons in orthogonal dimensions",
            statistic="relative distance of its WᵀW to that of two digons",
            samples=two_digons_error(result["W/square"]),
            controls=(
                control("rectangle", two_digons_error(result["rectangle"]), exact),
            ),
            **common,
        ),
        judge(
            id="TMS-12.projector",
            statement="(d/n)·WᵀW of a regular polytope is a projector of rank d",
            statistic="largest |P² − P| and |tr P − d|",
            samples=max(errors("W/")),
            controls=(
                control(
                    vertex,
                    min(errors("turned/")),
                    exact,
                    detail="the smallest error of all polytopes",
                ),
            ),
            **common,
        ),
    ]


def lost(W: Float[np.ndarray, "d n"]) -> float:
    """‖W·(1, …, 1)‖."""
    return float(np.linalg.norm(W.sum(axis=1)))


def two_digons_error(W: Float[np.ndarray, "d 4"]) -> float:
    """Distance of WᵀW to two orthogonal digons, whatever the order of features."""
    ideal = tegum_product(digon(), digon())
    return gram_distance(W.T @ W, ideal.T @ ideal)[0]


def projector_error(W: Float[np.ndarray, "d n"]) -> float:
    """How far (d/n)·WᵀW is from a projector of rank d."""
    d, n = W.shape
    P = d / n * W.T @ W
    return max(float(np.abs(P @ P - P).max()), abs(float(np.trace(P)) - d))


def turned(W: Float[np.ndarray, "d n"], degrees: float) -> Float[np.ndarray, "d n"]:
    """W with its last column turned in the plane of the first two axes."""
    angle = np.deg2rad(degrees)
    turn = np.eye(len(W))
    turn[:2, :2] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    return np.concatenate([W[:, :-1], turn @ W[:, -1:]], axis=1)
