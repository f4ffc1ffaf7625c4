"""TMS-11: features of a tegum product keep the dimensionality of their factor.

Figure: the polytopes that feature dimensionalities point to, and products of them in
orthogonal subspaces, after Elhage et al. 2022, *Toy Models of Superposition*, "The
Geometry of Superposition". A vertex of a triangular bipyramid has D = 2/3 if it belongs
to the triangle and 1/2 if it belongs to the digon, whatever else the hidden space
holds.

Claims, exact: D_i of five polytopes and of three products to 1e-12, and Σ_i D_i = d for
each. Controls: one vertex is longer than the others; one factor is turned out of its
subspace. Nothing is trained, so there is no linear control. Run time: 2 s.

Axis letters: n vertices, d dimensions.
"""

from collections import Counter
from collections.abc import Callable, Iterable
from fractions import Fraction

import jax
import numpy as np
from jaxtyping import Bool, Float
from matplotlib.figure import Figure
from scipy.spatial import ConvexHull

import toymodels as tm
from toymodels.claims import AtMost, Claim, control, judge
from toymodels.config import check_choice, content_hash, from_json, settings, to_json
from toymodels.geometry import (
    digon,
    feature_dimensionality,
    octahedron,
    pentagon,
    pentagonal_bipyramid,
    square_antiprism,
    tetrahedron,
    triangle,
    triangular_bipyramid,
)
from toymodels.plotting import caption_line, vector_panels_3d
from toymodels.result import Result

ID = "TMS-11"
TITLE = "Polytopes and their tegum products"
SOURCE = "Elhage et al. 2022, The Geometry of Superposition"

# Weights, and the D_i of the vertices in their order.
FACTORS = {
    "digon": (digon, [1 / 2] * 2),
    "triangle": (triangle, [2 / 3] * 3),
    "tetrahedron": (tetrahedron, [3 / 4] * 4),
    "pentagon": (pentagon, [2 / 5] * 5),
    "square antiprism": (square_antiprism, [3 / 8] * 8),
}
# The last factor of each is a digon along the last axis.
PRODUCTS = {
    "octahedron": (octahedron, [1 / 2] * 6),
    "triangular bipyramid": (triangular_bipyramid, [2 / 3] * 3 + [1 / 2] * 2),
    "pentagonal bipyramid": (pentagonal_bipyramid, [2 / 5] * 5 + [1 / 2] * 2),
}
POLYTOPES = FACTORS | PRODUCTS


@settings
class TegumProducts:
    """Settings of TMS-11; the statements are exact, so all scales are the same."""

    longer: float = 1.1  # length of the last vertex in the control of the factors
    tilt: float = 10.0  # degrees that the last factor is turned by in that of products
    scale: str = "laptop"
    seed: int = 0  # nothing is random

    @classmethod
    def preset(cls, scale: str) -> "TegumProducts":
        """The settings of a scale."""
        check_choice("scale", scale, ("smoke", "laptop", "paper"))
        return cls(scale=scale)


def compute(settings: TegumProducts, train: Callable[[tm.TrainSpec], tm.Run]) -> Result:
    """D_i of every polytope and of the controls; trains nothing."""
    arrays, weights = {}, {}
    for name, (make, expected) in POLYTOPES.items():
        W = make()
        arrays |= {f"W/{name}": W, f"expected/{name}": np.array(expected)}
        weights[f"D/{name}"] = W
        weights[f"stretched/{name}"] = stretched(W, settings.longer)
        if name in PRODUCTS:
            weights[f"tilted/{name}"] = tilted(W, settings.tilt)
    # Zero rows and columns change no D_i, and one shape compiles once.
    padded = [
        np.pad(W, [(0, 3 - W.shape[0]), (0, 8 - W.shape[1])]) for W in weights.values()
    ]
    with jax.enable_x64(True):
        D = np.asarray(feature_dimensionality(np.stack(padded)))
    arrays |= {
        key: row[: W.shape[1]] for (key, W), row in zip(weights.items(), D, strict=True)
    }
    return Result(arrays=arrays, meta={"settings": to_json(settings)})


def plot(result: Result) -> dict[str, Figure | bytes]:
    """All of them in three dimensions, with their D_i."""
    settings = from_json(result.meta["settings"])
    most = max(result[f"W/{name}"].shape[1] for name in POLYTOPES)
    weights = [result[f"W/{name}"] for name in POLYTOPES]
    figure = vector_panels_3d(
        np.stack([_padded(W, most) for W in weights]),
        titles=[f"{k}\n{_fractions(result[f'D/{k}'])}" for k in POLYTOPES],
        edges=np.stack([_edges(W, most) for W in weights]),
        title=f"{TITLE}: dimensionality of their vertices",
        caption=caption_line(
            scale="exact, float64", fingerprint=content_hash(settings)
        ),
    )
    return {"polytopes": figure}


def claims(result: Result) -> list[Claim]:
    """D_i of the factors, D_i of the products, and their sums."""
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
    longer = f"last vertex {settings.longer:g} times as long"
    turned = f"last pair turned by {settings.tilt:g}°"

    def error(names: Iterable[str], kind: str = "D") -> list[float]:
        return [
            float(np.abs(result[f"{kind}/{k}"] - result[f"expected/{k}"]).max())
            for k in names
        ]

    def sum_error(names: Iterable[str], kind: str = "D") -> list[float]:
        return [
            abs(float(result[f"{kind}/{k}"].sum()) - len(result[f"W/{k}"]))
            for k in names
        ]

    # The worst polytope counts for the claim, the best one for its control: the control
    # must fail for every single one.

    return [
        judge(
            id="TMS-11.factors",
            statement="D_i is 1/2 in a digon, 2/3 in a triangle, 3/4 in a tetrahedron, "
            "2/5 in a pentagon, 3/8 in a square antiprism",
            statistic="largest deviation of a D_i",
            samples=max(error(FACTORS)),
            controls=(control(longer, min(error(FACTORS, "stretched")), exact),),
            **common,
        ),
        judge(
            id="TMS-11.products",
            statement="in octahedron, triangular and pentagonal bipyramid each vertex "
            "keeps the D_i of its factor",
            statistic="largest deviation of a D_i",
            samples=max(error(PRODUCTS)),
            controls=(control(turned, min(error(PRODUCTS, "tilted")), exact),),
            **common,
        ),
        judge(
            id="TMS-11.sum",
            statement="the D_i of each of these polytopes sum to its dimension",
            statistic="largest |Σ_i D_i − d|",
            samples=max(sum_error(POLYTOPES)),
            controls=(control(turned, min(sum_error(PRODUCTS, "tilted")), exact),),
            **common,
        ),
    ]


def stretched(W: Float[np.ndarray, "d n"], factor: float) -> Float[np.ndarray, "d n"]:
    """W with its last column so many times as long."""
    return np.concatenate([W[:, :-1], factor * W[:, -1:]], axis=1)


def tilted(W: Float[np.ndarray, "d n"], degrees: float) -> Float[np.ndarray, "d n"]:
    """W with its last two columns, along the last axis, turned towards the first."""
    angle = np.deg2rad(degrees)
    turn = np.eye(len(W))
    turn[np.ix_([0, -1], [0, -1])] = [
        [np.cos(angle), np.sin(angle)],
        [-np.sin(angle), np.cos(angle)],
    ]
    return np.concatenate([W[:, :-2], turn @ W[:, -2:]], axis=1)


def _padded(W: Float[np.ndarray, "d n"], most: int) -> Float[np.ndarray, "3 most"]:
    """W in three dimensions, its last vertex repeated up to `most` columns."""
    deep = np.pad(W, ((0, 3 - W.shape[0]), (0, 0)))
    return np.pad(deep, ((0, 0), (0, most - W.shape[1])), mode="edge")


def _edges(W: Float[np.ndarray, "d n"], most: int) -> Bool[np.ndarray, "most most"]:
    """Which vertices of the convex hull an edge joins, for `most` vertices."""
    d, n = W.shape
    edges = np.zeros((most, most), bool)
    if d == 1:
        edges[0, 1] = True
        return edges
    # A facet that is no simplex comes in several pieces with the same equation.
    planes = np.unique(ConvexHull(W.T).equations.round(9), axis=0)
    on = np.abs(planes[:, :-1] @ W + planes[:, -1:]) < 1e-6
    common = on.T.astype(int) @ on.astype(int)
    edges[:n, :n] = (common >= d - 1) & ~np.eye(n, dtype=bool)
    return edges


def _fractions(D: Float[np.ndarray, " n"]) -> str:
    """The values of D_i and how often each occurs, such as "3 × 2/3, 2 × 1/2"."""
    counts = Counter(Fraction(float(d)).limit_denominator(20) for d in D)
    return ", ".join(f"{count} × {fraction}" for fraction, count in counts.items())
