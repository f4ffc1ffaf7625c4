"""Animated GIFs: feature vectors that move while the model trains.

The bytes depend on the frames alone: one palette for all frames, no dithering, no
dates.

Axis letters: `snaps` snapshots, `panels` models side by side, n features, `windows`
averages of the loss.
"""

import io
from collections.abc import Iterable, Iterator, Sequence

import numpy as np
from jaxtyping import Num
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from toymodels.plotting.canvas import new_figure
from toymodels.plotting.captions import set_caption, set_title
from toymodels.plotting.palette import CYCLE, GREY, dark_sequential, style, value_norm
from toymodels.plotting.vectors import draw_vectors


@style()
def gif_bytes(
    frames: Iterable[Figure],
    *,
    milliseconds: int = 80,
    hold: int = 2000,
    colors: int = 64,
) -> bytes:
    """An endless GIF of the figures, which must all have the same size in pixels.

    Each figure is drawn before the next is asked for, so a generator may yield the same
    figure again and again, changed in between. A frame that equals the one before is
    merged with it.

    Args:
        frames: at least one figure.
        milliseconds: time that each frame is shown, a multiple of 10.
        hold: time that the last frame is shown.
        colors: size of the common palette, 2 to 256; fewer make a smaller file.

    Returns:
        The file's content.

    Raises:
        ValueError: there is no frame, or their sizes differ.
    """
    images = [_image(figure) for figure in frames]
    if not images:
        raise ValueError("frames: got none, expected at least one figure")
    if len({image.size for image in images}) > 1:
        raise ValueError("frames: got figures of different sizes, expected one size")
    # First, middle and last frame hold all colours that a moving plot shows.
    picked = [images[0], images[len(images) // 2], images[-1]]
    sample = Image.fromarray(np.concatenate([np.asarray(image) for image in picked]))
    palette = sample.quantize(colors, method=Image.Quantize.MEDIANCUT)
    entries = np.array(palette.getpalette()).reshape(-1, 3)
    # Pillow looks colours up coarsely and would give the page a pale grey ground.
    entries[entries.min(axis=1) >= 246] = 255
    palette.putpalette(entries.ravel().tolist())
    flat = [i.quantize(palette=palette, dither=Image.Dither.NONE) for i in images]
    buffer = io.BytesIO()
    flat[0].save(
        buffer,
        format="GIF",
        save_all=True,
        append_images=flat[1:],
        duration=[milliseconds] * (len(flat) - 1) + [hold],
        loop=0,
        optimize=False,
    )
    return buffer.getvalue()


def training_gif(
    W: Num[np.ndarray, "snaps panels 2 n"],
    step: Num[np.ndarray, " snaps"],
    loss_step: Num[np.ndarray, " windows"],
    loss: Num[np.ndarray, "windows panels"],
    *,
    titles: Sequence[str],
    loss_label: str,
    step_label: str,
    title: str = "",
    caption: str = "",
    importance: Num[np.ndarray, " n"] | None = None,
    log_steps: bool = True,
    clock_height: float | int = 0.04,
    milliseconds: int = 80,
    colors: int = 64,
    dpi: float | int = 92.0,
) -> bytes:
    """The features of one or more models while they train, with their losses beside.

    Args:
        W: feature vectors as columns, one matrix a snapshot and model.
        step: step of each snapshot, rising.
        loss_step: last step of each window.
        loss: mean loss within each window.
        titles: one for each model, above its panel and at its loss curve.
        loss_label: of the y axis of the losses.
        step_label: of their x axis.
        title: of the figure.
        caption: below the figure.
        importance: colours the features.
        log_steps: logarithmic x axis for the losses.
        clock_height: of the written step in the axes of the losses, 0 to 1.
        milliseconds: time that each frame is shown.
        colors: size of the palette.
        dpi: pixels an inch; 92 makes a picture 828 pixels wide.

    Returns:
        A GIF with one frame a snapshot.
    """
    frames = _training_frames(
        W, step, loss_step, loss, titles, loss_label, step_label, title, caption,
        importance, log_steps, clock_height, dpi,
    )  # fmt: skip
    return gif_bytes(frames, milliseconds=milliseconds, colors=colors)


def _training_frames(
    W: np.ndarray,
    step: np.ndarray,
    loss_step: np.ndarray,
    loss: np.ndarray,
    titles: Sequence[str],
    loss_label: str,
    step_label: str,
    title: str,
    caption: str,
    importance: np.ndarray | None,
    log_steps: bool,
    clock_height: float | int,
    dpi: float | int,
) -> Iterator[Figure]:
    """One figure, moved on and yielded again for each snapshot."""
    with style():
        count = W.shape[1]
        figure = new_figure(3.0 if count > 1 else 3.9)
        figure.set_dpi(dpi)
        ratios = [1.0] * count + [1.25]
        *planes, losses = figure.subplots(1, count + 1, width_ratios=ratios)
        xscale = "log" if log_steps else "linear"
        losses.set(xlabel=step_label, xscale=xscale, yscale="log")
        limit = 1.12 * float(np.nanmax(np.linalg.norm(W, axis=2), initial=1.0))
        colors = None
        if importance is not None and np.ptp(importance) > 0:
            colors = list(dark_sequential()(value_norm(importance)(importance)))
        for k, (axes, name) in enumerate(zip(planes, titles, strict=True)):
            axes.set_title(name, loc="center", color=CYCLE[k])
            losses.plot(loss_step, loss[:, k], color=CYCLE[k])
        losses.set_title(loss_label, loc="left")
        low = losses.get_xlim()[0]
        marker = losses.axvline(max(step[0], low), color=GREY, linewidth=1.2)
        clock = losses.text(
            0.04, clock_height, "", transform=losses.transAxes, ha="left", va="bottom"
        )
        set_title(figure, title)
        set_caption(figure, caption)
    for snap, matrices in enumerate(W):
        with style():
            for axes, matrix in zip(planes, matrices, strict=True):
                for artist in [*axes.lines, *axes.patches]:
                    artist.remove()
                draw_vectors(axes, matrix, colors=colors, limit=limit, hull=True)
            marker.set_xdata([max(step[snap], low)] * 2)
            clock.set_text(f"step {int(step[snap]):,}")
            if snap == 0:
                # Fixed from here on, so that nothing trembles from frame to frame.
                figure.draw_without_rendering()
                figure.set_layout_engine("none")
            yield figure


def _image(figure: Figure) -> Image.Image:
    """The figure as an RGB image of its own resolution."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return Image.fromarray(np.asarray(canvas.buffer_rgba())[..., :3].copy())
