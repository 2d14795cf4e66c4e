"""Plots of learning curves and reliability diagrams, with matplotlib (optional)."""

from __future__ import annotations

from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from weaklab.core.errors import WeaklabError
from weaklab.core.files import write_errors
from weaklab.core.tables import counted

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from weaklab.evaluation.reliability import Reliability

NO_MATPLOTLIB = "plots need matplotlib: pip install 'weaklab[plot]'"
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
"""Colours that colour-blind readers can distinguish: Okabe and Ito (2008), Color universal design. Yellow is left out,
because it is hardly visible on white."""
GREY = "#808080"
MOST_IN_ONE = len(COLOURS)
"""If there are more curves than colours, each curve gets its own panel."""
SUFFIXES = (".png", ".svg")
STYLE: Any = {"svg.hashsalt": "weaklab", "svg.fonttype": "path", "font.family": "DejaVu Sans", "text.parse_math": False}
"""A fixed salt and the bundled font make files reproducible."""


@dataclass(frozen=True)
class Curve:
    """A learning curve measured in several runs.

    Attributes
    ----------
    x : float (t,), numbers of manual labels
    Y : float (s, t), the measured values, one row per seed
    """

    x: NDArray[np.float64]
    Y: NDArray[np.float64]

    @property
    def mean(self) -> NDArray[np.float64]:
        """Mean over the seeds, (t,)."""
        return np.asarray(self.Y.mean(axis=0))

    @property
    def spread(self) -> NDArray[np.float64]:
        """Standard deviation over the seeds, (t,); 0 for one seed."""
        return np.asarray(self.Y.std(axis=0, ddof=1) if len(self.Y) > 1 else np.zeros(self.Y.shape[1]))


def learning_curves(
    curves: Mapping[str, Curve],
    *,
    title: str = "",
    ylabel: str = "accuracy in %",
    baseline: str = "random",
    most: float | None = 100.0,
) -> Any:
    """Draw the mean of each curve with a band of one standard deviation over the seeds; return a matplotlib Figure.

    Up to seven curves share one panel; more get a small panel each, with the baseline in grey.

    Parameters
    ----------
    curves : name -> :class:`Curve`
    baseline : name of the curve that is drawn grey and dashed
    most : upper limit of the vertical axis, such as 100 for percentages; None for no limit

    Raises
    ------
    WeaklabError
        matplotlib is not installed.
    """
    try:
        from matplotlib import rc_context

        from weaklab.evaluation.figures import ShownFigure
    except ImportError:
        raise WeaklabError(NO_MATPLOTLIB) from None
    named = {name: curve for name, curve in curves.items() if name != baseline}
    with rc_context(STYLE):
        if len(named) <= MOST_IN_ONE:
            figure = ShownFigure(figsize=(8, 4.5), layout="constrained")
            axes = figure.subplots()
            _one_panel(axes, curves, baseline, _limits(list(curves.values()), most), 3 if most is None else 1)
            axes.set_xlabel("manual labels")
            axes.set_ylabel(ylabel)
            if title:
                axes.set_title(title, loc="left", fontsize=11)
        else:
            figure = _panels(ShownFigure, curves, named, baseline, _limits(list(curves.values()), most))
            figure.supxlabel("manual labels", fontsize=10)
            figure.supylabel(ylabel, fontsize=10)
            figure.suptitle(title, fontsize=11)
    return figure


def reliability_diagram(found: Reliability, *, title: str = "", least: int = 1) -> Any:
    """Draw a reliability diagram, accuracy by predicted probability, with a histogram below; return a Figure.

    Each point is at the mean probability of its bin, with the exact 95% interval of the share that is right. Points on
    the dashed line are calibrated; below it the committee is overconfident.

    Parameters
    ----------
    found : result of :func:`weaklab.evaluation.reliability.reliability`
    least : bins with fewer records have no point, only their bar in the histogram

    Raises
    ------
    WeaklabError
        matplotlib is not installed.
    """
    try:
        from matplotlib import rc_context
        from matplotlib.ticker import MaxNLocator

        from weaklab.evaluation.figures import ShownFigure
    except ImportError:
        raise WeaklabError(NO_MATPLOTLIB) from None
    with rc_context(STYLE):
        figure = ShownFigure(figsize=(4.8, 5.4), layout="constrained")
        upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(4, 1))
        left = float(found.low.min())
        told = found.n >= least
        right, right_low = found.right[told], found.right_low[told]
        margin = 0.02 * (1 - left)
        upper.plot([left, 1], [left, 1], color=GREY, linewidth=1.2, linestyle=(0, (4, 2)))
        mean = found.confidence[told]
        upper.vlines(mean, right_low, found.right_high[told], color=COLOURS[0], alpha=0.35, linewidth=3)
        upper.plot(mean, right, color=COLOURS[0], marker="o", markersize=5, linewidth=1.4)
        lower.bar(
            found.low,
            found.n,
            width=0.96 * (found.high - found.low),
            align="edge",
            color=COLOURS[0],
            alpha=0.6,
            linewidth=0,
        )
        bottom = max(0.0, float(np.floor(10 * min(left, float(right_low.min(initial=1.0)))) / 10))
        for axes, limits in ((upper, (bottom, 1.02)), (lower, (0.0, 1.08 * float(found.n.max())))):
            _frame(axes, limits, 1.0)
            axes.set_xlim(left - margin, 1 + margin)
        lower.yaxis.set_major_locator(MaxNLocator(3, integer=True))
        upper.set_ylabel("share right")
        lower.set_ylabel("records")
        lower.set_xlabel("probability of the label")
        upper.set_title(
            title or f"expected calibration error {found.ece:.3f} on {counted(int(found.n.sum()), 'record')}",
            loc="left",
            fontsize=11,
        )
        upper.text(0.97, 0.05, "bars: 95 % intervals", transform=upper.transAxes, ha="right", fontsize=8, color=GREY)
        figure.align_ylabels([upper, lower])
    return figure


def _limits(curves: Sequence[Curve], most: float | None) -> tuple[float, float]:
    """Return axis limits that contain all means, and the bands as far as their values are possible."""
    low = min(float(np.nanmin(curve.mean - curve.spread)) for curve in curves)
    high = max(float(np.nanmax(curve.mean + curve.spread)) for curve in curves)
    margin = 0.04 * max(high - low, 1e-3)
    return max(low - margin, 0.0), high + margin if most is None else min(high + margin, most)


def _draw(axes: Any, curve: Curve, colour: str, **style: Any) -> None:
    axes.fill_between(
        curve.x, curve.mean - curve.spread, curve.mean + curve.spread, color=colour, alpha=0.13, linewidth=0
    )
    axes.plot(curve.x, curve.mean, color=colour, **style)


def _frame(axes: Any, limits: tuple[float, float], x: float) -> None:
    axes.set_ylim(*limits)
    axes.set_xlim(0, x)
    axes.grid(axis="y", color="#e6e6e6", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)


def _one_panel(axes: Any, curves: Mapping[str, Curve], baseline: str, limits: tuple[float, float], digits: int) -> None:
    """Draw all curves in one panel, each with its name at the right end."""
    colours = dict(zip((name for name in curves if name != baseline), COLOURS, strict=False))
    ends = {}
    for name, curve in reversed(list(curves.items())):  # the best curve is drawn last, on top
        style = {"linestyle": (0, (4, 2)), "linewidth": 1.5} if name == baseline else {"linewidth": 2.0}
        _draw(axes, curve, colours.get(name, GREY), **style)
        ends[name] = float(curve.mean[-1])
    last = max(float(curve.x[-1]) for curve in curves.values())
    _frame(axes, limits, last)
    places = spaced(list(ends.values()), limits, 0.062 * (limits[1] - limits[0]))
    for (name, end), place in zip(ends.items(), places, strict=True):
        colour = colours.get(name, GREY)
        shift = last * 0.035
        axes.plot([last, last + shift * 0.8], [end, place], color=colour, linewidth=0.8, clip_on=False)
        axes.text(last + shift, place, f"{_short(name)}  {end:.{digits}f}", color=colour, va="center", fontsize=9)


def _panels(
    figure: Any, curves: Mapping[str, Curve], named: Mapping[str, Curve], baseline: str, limits: tuple[float, float]
) -> Any:
    """Draw a grid of small panels, one per curve, best first, each with the baseline."""
    columns = 4 if len(named) <= 16 else 6
    rows = -(-len(named) // columns)
    drawn = figure(figsize=(2.5 * columns + 0.5, 1.9 * rows + 0.8), layout="constrained")
    grid = np.atleast_2d(drawn.subplots(rows, columns, sharex=True, sharey=True))
    last = max(float(curve.x[-1]) for curve in curves.values())
    for place, axes in enumerate(grid.ravel()):
        if place >= len(named):
            axes.set_axis_off()
            grid[place // columns - 1, place % columns].tick_params(labelbottom=True)
            continue
        name = list(named)[place]
        if baseline in curves:
            _draw(axes, curves[baseline], GREY, linestyle=(0, (4, 2)), linewidth=1.2)
        _draw(axes, named[name], COLOURS[0], linewidth=1.6)
        _frame(axes, limits, last)
        axes.tick_params(labelsize=8)
        axes.set_title(_short(name), fontsize=9, loc="left")
    if baseline in curves:
        grid[0, 0].text(
            0.97, 0.06, f"grey: {baseline}", transform=grid[0, 0].transAxes, ha="right", fontsize=8, color=GREY
        )
    return drawn


def _short(name: str) -> str:
    return name if len(name) <= 26 else name[:25] + "…"


def spaced(values: Sequence[float], limits: tuple[float, float], gap: float) -> list[float]:
    """Move values apart until neighbours are at least ``gap`` apart, as little as possible and within the limits.

    >>> [round(place, 6) for place in spaced([1.0, 5.0, 1.0], (0.0, 6.0), 1.0)]
    [0.5, 5.0, 1.5]
    """
    order = np.argsort(values, kind="stable")
    groups: list[tuple[float, list[float]]] = []  # middle, members, from the lowest
    for value in np.asarray(values, dtype=np.float64)[order]:
        members = [float(value)]
        while True:
            half = gap * (len(members) - 1) / 2
            middle = float(np.clip(np.mean(members), limits[0] + half, max(limits[1] - half, limits[0] + half)))
            if not groups or groups[-1][0] + gap * (len(groups[-1][1]) - 1) / 2 + gap <= middle - half + 1e-12:
                groups.append((middle, members))
                break
            members = groups.pop()[1] + members
    flat = [middle + gap * (i - (len(members) - 1) / 2) for middle, members in groups for i in range(len(members))]
    places = np.empty(len(flat))
    places[order] = flat
    return [float(place) for place in places]


def write_figure(figure: Any, path: str | Path) -> Path:
    """Write a figure as PNG or SVG, according to the suffix; the same figure gives the same bytes.

    Raises
    ------
    WeaklabError
        The suffix is another one.
    """
    path = Path(path)
    if path.suffix.lower() not in SUFFIXES:
        raise WeaklabError(f"cannot draw to {path.name!r}; wanted a name that ends in {' or '.join(SUFFIXES)}")
    content = figure_bytes(figure, path.suffix.lower()[1:])
    with write_errors(path):
        path.write_bytes(content)
    return path


def figure_bytes(figure: Any, kind: str) -> bytes:
    """Return a figure as the bytes of a ``png`` or ``svg`` file, without a date."""
    from matplotlib import rc_context

    stream = BytesIO()
    with rc_context(STYLE):
        figure.savefig(stream, format=kind, dpi=144, metadata={"Date": None} if kind == "svg" else None)
    return stream.getvalue()
