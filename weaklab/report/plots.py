"""The plots of a report, each a matplotlib figure; readable without colour, and narrow enough for a phone.

:func:`weaklab.evaluation.plots.write_figure` writes one as SVG or PNG.
"""

from __future__ import annotations

from contextlib import contextmanager
from functools import wraps
from typing import TYPE_CHECKING, Any, ParamSpec

import numpy as np

from weaklab.core.errors import WeaklabError
from weaklab.core.labels import ABSTAIN
from weaklab.core.tables import clean
from weaklab.evaluation.plots import COLOURS, GREY, NO_MATPLOTLIB, STYLE, reliability_diagram, spaced

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    import pandas as pd
    from numpy.typing import NDArray

    from weaklab.evaluation.forecast import Forecast
    from weaklab.evaluation.reliability import Reliability

P = ParamSpec("P")

INK, GRID, PAPER = "#1f2328", "#e6e6e6", "#ffffff"
WIDTH = 4.6
"""Inches: on a phone the text of a wider figure would be too small."""
MARKERS = ("o", "s", "^", "D", "v", "P", "<", "h", ">", "*", "p", "d", "X")
"""One for each of the most frequent labels, so that colours may come again; the last one is for all others."""
MAIN_COLOURS = COLOURS[:6]
MOST_BARS = 20
MOST_CELLS = 16
"""At most this many rows and columns of a matrix."""
MOST_POINTS = 1500
WIDE_NAME = 24
"""Longer names of a legend do not fit beside each other."""
OTHERS, NO_LABEL = "other labels", "no label"
REPORT_STYLE = STYLE | {
    "font.size": 9,
    "text.color": INK,
    "axes.edgecolor": GREY,
    "axes.labelcolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "xtick.labelsize": 8.5,
    "ytick.labelsize": 8.5,
    "hatch.linewidth": 0.6,
}


@contextmanager
def _style() -> Iterator[None]:
    try:
        from matplotlib import rc_context
    except ImportError:
        raise WeaklabError(NO_MATPLOTLIB) from None
    with rc_context(REPORT_STYLE):
        yield


def _styled(plot: Callable[P, Any]) -> Callable[P, Any]:
    @wraps(plot)
    def drawn(*args: P.args, **kwargs: P.kwargs) -> Any:
        with _style():
            return plot(*args, **kwargs)

    return drawn


@_styled
def plot_learning_curve(points: pd.DataFrame, ahead: Forecast | None = None) -> Any:
    """Draw the accuracy by number of manual labels, with 95 % intervals; the forecast is dashed.

    Parameters
    ----------
    points : ``labels``, ``value``, ``low`` and ``high``, a row for each number of labels
    ahead : the forecast for more labels

    Examples
    --------
    >>> import pandas as pd
    >>> points = pd.DataFrame({"labels": [40, 80], "value": [0.7, 0.8], "low": [0.6, 0.7], "high": [0.8, 0.9]})
    >>> figure = plot_learning_curve(points)
    """
    figure, axes = _panel(2.9)
    ordered = points.sort_values("labels")
    axes.fill_between(ordered.labels, ordered.low, ordered.high, color=COLOURS[0], alpha=0.15, linewidth=0)
    axes.vlines(ordered.labels, ordered.low, ordered.high, color=COLOURS[0], alpha=0.45, linewidth=1.5)
    axes.plot(ordered.labels, ordered.value, color=COLOURS[0], marker="o", markersize=4.5, linewidth=1.8)
    last, lowest = float(ordered.labels.max()), float(ordered.low.min())
    if ahead is not None and len(ahead.at) and np.isfinite(ahead.value).all():
        at = [ordered.labels.iloc[-1], *ahead.at.tolist()]
        axes.plot(at, [ordered.value.iloc[-1], *ahead.value], color=COLOURS[1], linestyle=(0, (4, 2)), linewidth=1.5)
        axes.vlines(ahead.at, ahead.low, ahead.high, color=COLOURS[1], alpha=0.6, linewidth=1.5, linestyle=(0, (2, 2)))
        axes.plot(ahead.at, ahead.value, color=COLOURS[1], marker="D", markersize=4, linewidth=0)
        axes.annotate("forecast", (at[-1], float(ahead.low[-1])), (0, -4), textcoords="offset points", ha="right",
                      va="top", color=COLOURS[1], fontsize=8.5)  # fmt: skip
        last, lowest = float(at[-1]), min(lowest, float(ahead.low.min()))
    axes.set_ylim(max(0.0, np.floor(lowest * 10 - 0.8) / 10), 1.0)
    axes.set_xlim(0, last * 1.04)
    _percent(axes.yaxis)
    axes.set_xlabel("manual labels")
    axes.set_ylabel("accuracy")
    axes.grid(axis="y", color=GRID, linewidth=0.8)
    return figure


@_styled
def plot_class_balance(shares: pd.DataFrame) -> Any:
    """Draw the share of each label as bars, with the estimated share of the class where it is known.

    Parameters
    ----------
    shares : ``label``, ``share``; ``estimate``, ``low`` and ``high`` with NaN where it is not known

    Examples
    --------
    >>> import pandas as pd
    >>> row = {"label": "spam", "share": 0.3, "estimate": 0.25, "low": 0.2, "high": 0.4}
    >>> figure = plot_class_balance(pd.DataFrame([row]))
    """
    shown = shares.sort_values("share", ascending=False, kind="stable").head(MOST_BARS)
    figure, axes = _panel(0.75 + 0.3 * len(shown))
    places = np.arange(len(shown))
    axes.barh(places, shown.share, height=0.62, color=COLOURS[0], alpha=0.55, linewidth=0)
    known = shown.estimate.notna().to_numpy()
    axes.hlines(places[known], shown.low[known], shown.high[known], color=INK, linewidth=1.4)
    axes.plot(shown.estimate[known], places[known], "D", color=PAPER, markeredgecolor=INK, markersize=5)
    most = float(np.nanmax(shown[["share", "high"]].to_numpy(), initial=0.01))
    for place, share, high in zip(places, shown.share, shown.high.fillna(0), strict=True):
        axes.text(max(share, high) + 0.015 * most, place, f"{share:.1%}", va="center", fontsize=8.5)
    _names(axes, shown.label.tolist(), places)
    axes.set_xlim(0, most * 1.16)
    _percent(axes.xaxis)
    axes.set_xlabel("share of the records")
    return figure


@_styled
def plot_reliability(found: Reliability) -> Any:
    """Draw how often labels are right, by how probable the committee says they are.

    Bins with fewer than ten answers have no point.

    Parameters
    ----------
    found : result of :meth:`weaklab.Project.reliability`

    Examples
    --------
    >>> from weaklab.evaluation.reliability import reliability
    >>> figure = plot_reliability(reliability([[0.9, 0.1], [0.8, 0.2]], [0, 0], bins=5))
    """
    from weaklab.evaluation.audit import LEAST_ANSWERS

    figure = reliability_diagram(found, title=" ", least=LEAST_ANSWERS)
    figure.set_size_inches(WIDTH, 4.4)
    return figure


@_styled
def plot_heuristics(frame: pd.DataFrame) -> Any:
    """Draw for each heuristic how much it votes on, and how often it is right, with 95 % intervals.

    Circles are shares of the manual labels; diamonds are estimates for all records on which it votes. Heuristics with
    fewer than ten labels have neither.

    Parameters
    ----------
    frame : result of ``project.summary().to_pandas()``

    Examples
    --------
    >>> from weaklab.evaluation.analysis import summary
    >>> figure = plot_heuristics(summary([[0, 1], [0, -1], [1, 1]], y=[0, 1, -1]))
    """
    from matplotlib.ticker import MaxNLocator

    from weaklab.evaluation.audit import LEAST_ANSWERS
    from weaklab.evaluation.figures import ShownFigure

    shown = frame.sort_values("coverage", ascending=False, kind="stable").head(2 * MOST_BARS)
    figure = ShownFigure(figsize=(WIDTH, 0.8 + 0.25 * len(shown)), layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True, width_ratios=(1, 1.5))
    places = np.arange(len(shown))
    left.barh(places, shown.coverage, height=0.6, color=COLOURS[0], alpha=0.55, linewidth=0)
    for axes in (left, right):
        axes.spines[["top", "right"]].set_visible(False)
        _percent(axes.xaxis)
    judged = (shown.n_labels >= LEAST_ANSWERS).to_numpy()
    right.axvline(0.5, color=GRID, linewidth=0.8)
    right.hlines(places[judged] - 0.13, shown.accuracy_low[judged], shown.accuracy_high[judged], color=COLOURS[0])
    right.plot(shown.accuracy[judged], places[judged] - 0.13, "o", color=COLOURS[0], markersize=4.5)
    if "estimated_accuracy" in shown:
        wide = shown.estimated_high - shown.estimated_low
        known = (shown.estimated_accuracy.notna() & (shown.n_audit >= LEAST_ANSWERS) & (wide <= 0.7)).to_numpy()
        low, high = shown.estimated_low[known], shown.estimated_high[known]
        right.hlines(places[known] + 0.17, low, high, color=COLOURS[1], linestyle=(0, (2, 1)))
        right.plot(shown.estimated_accuracy[known], places[known] + 0.17, "D", color=COLOURS[1], markersize=4)
    left.xaxis.set_major_locator(MaxNLocator(3))
    right.set_xlim(0, 1.02)
    right.set_xticks([0, 0.5, 1])
    right.tick_params(axis="y", length=0)
    _names(left, shown.index.tolist(), places)
    left.set_xlabel("votes on")
    right.set_xlabel("right")
    return figure


@_styled
def plot_conflicts(counts: NDArray[np.integer[Any]], names: Sequence[str]) -> Any:
    """Draw on how many records two heuristics vote for different labels.

    The 16 heuristics with the most conflicts are shown.

    Parameters
    ----------
    counts : int (m, m), result of :func:`weaklab.evaluation.analysis.conflict_counts`
    names : names of the m heuristics

    Examples
    --------
    >>> figure = plot_conflicts(np.array([[0, 2], [2, 0]]), ["has_link", "is_short"])
    """
    chosen = np.sort(np.argsort(-counts.sum(axis=1), kind="stable")[:MOST_CELLS])
    part = counts[np.ix_(chosen, chosen)].astype(np.float64)
    rows = [f"{_short(names[at], 22)}  {number}" for number, at in enumerate(chosen, 1)]
    below = np.where(np.tri(len(part), k=-1, dtype=bool) & (part > 0), part, np.nan)
    return _matrix(below, rows, [str(number) for number in range(1, len(part) + 1)], "", "")


@_styled
def plot_confusion(cells: pd.DataFrame) -> Any:
    """Draw the confusion matrix of the labels: rows are classes, columns are labels.

    Parameters
    ----------
    cells : ``truth``, ``label`` and ``records``, such as the result of ``project.label_quality().confusion()``

    Examples
    --------
    >>> import pandas as pd
    >>> figure = plot_confusion(pd.DataFrame({"truth": ["ham"], "label": ["ham"], "records": [7.0]}))
    """
    filled = cells.assign(label=cells.label.fillna(NO_LABEL))
    wide = filled.pivot(index="truth", columns="label", values="records")
    names = list(dict.fromkeys(filled.truth))[:MOST_CELLS]
    columns = [*names, *([NO_LABEL] if NO_LABEL in wide.columns else [])]
    values = wide.reindex(index=names, columns=columns).to_numpy(dtype=np.float64)
    return _matrix(
        values, [_short(name, 22) for name in names], [_short(name, 14) for name in columns], "class", "label"
    )


@_styled
def plot_map(places: pd.DataFrame, names: Sequence[str]) -> Any:
    """Draw records so that similar ones are near each other; each label has a marker of its own.

    Records that a person labeled have a dark edge. At most 1,500 records are drawn, and the twelve most frequent
    labels have markers of their own. The legend counts all records, those that are not drawn as well.

    Parameters
    ----------
    places : ``x`` and ``y``; ``code``, that of the label, -1 for none; ``manual``, whether a person gave it
    names : the label names

    Examples
    --------
    >>> import pandas as pd
    >>> places = pd.DataFrame({"x": [0.0, 1.0], "y": [0.0, 1.0], "code": [0, -1], "manual": [True, False]})
    >>> figure = plot_map(places, ["ham", "spam"])
    """
    shown = places if len(places) <= MOST_POINTS else places.sample(MOST_POINTS, random_state=0)
    counts = places.code[places.code != ABSTAIN].value_counts()
    main = sorted(counts.index[: len(MARKERS) - 1].tolist())
    groups = [
        (clean(names[code], 28), [code], MARKERS[i], MAIN_COLOURS[i % len(MAIN_COLOURS)]) for i, code in enumerate(main)
    ]
    groups.append((OTHERS, counts.index.difference(main).tolist(), MARKERS[-1], GREY))
    groups.append((NO_LABEL, [ABSTAIN], "x", GREY))
    drawn = [
        (shown[shown.code.isin(codes)], f"{name} ({int(places.code.isin(codes).sum()):,})", marker, colour)
        for name, codes, marker, colour in groups
        if shown.code.isin(codes).any()
    ]
    wide = max((len(name) for _, name, _, _ in drawn), default=0) > WIDE_NAME
    figure, axes = _panel(4.3 + 0.17 * max(0, len(drawn) - 6) * wide)
    for rows, name, marker, colour in drawn:
        _points(axes, rows, name, marker, colour)
    axes.set_axis_off()
    axes.set_aspect("equal")
    columns = 1 if wide else 2
    figure.legend(
        loc="outside lower left", ncols=columns, frameon=False, fontsize=8.5, handletextpad=0.3, markerscale=2
    )
    return figure


def _points(axes: Any, rows: pd.DataFrame, name: str, marker: str, colour: str) -> None:
    """Draw the records with one label: those of a person larger, with a dark edge, on top."""
    drawn, manual = rows[~rows.manual], rows[rows.manual]
    axes.plot(drawn.x, drawn.y, marker, color=colour, markersize=2.6, alpha=0.6, markeredgewidth=0.4, label=name)
    style = {"markeredgecolor": INK, "markeredgewidth": 1.0, "zorder": 3}
    axes.plot(manual.x, manual.y, marker, color=colour, markersize=5.5, **style)


@_styled
def plot_counts(counts: Mapping[str, int], total: int) -> Any:
    """Draw numbers of records as bars, such as the reasons why labels are in doubt.

    Parameters
    ----------
    counts : name -> number of records
    total : number of all records, for the share

    Examples
    --------
    >>> figure = plot_counts({"no heuristic votes": 3, "heuristics contradict each other": 5}, total=20)
    """
    figure, axes = _panel(0.45 + 0.34 * len(counts))
    places = np.arange(len(counts))
    axes.barh(places, list(counts.values()), height=0.6, color=COLOURS[0], alpha=0.55, linewidth=0)
    most = max(1, *counts.values())
    for place, count in enumerate(counts.values()):
        share = f" ({count / total:.1%})" if total and count else ""
        axes.text(count + 0.015 * most, place, f"{count:,}{share}", va="center", fontsize=8.5)
    _names(axes, list(counts), places, 34)
    axes.set_xlim(0, most * 1.32)
    axes.xaxis.set_visible(False)
    axes.spines["bottom"].set_visible(False)
    return figure


@_styled
def plot_history(answers: pd.DataFrame) -> Any:
    """Draw how many labels each person had given, over time; names stand at the ends of the lines.

    Parameters
    ----------
    answers : ``at``, times; ``annotator``; the seven people with the most labels are shown

    Examples
    --------
    >>> import pandas as pd
    >>> times = pd.to_datetime(["2026-01-31 14:30", "2026-01-31 14:31"], utc=True)
    >>> figure = plot_history(pd.DataFrame({"at": times, "annotator": ["Ann", "Bob"]}))
    """
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

    figure, axes = _panel(2.7)
    people = answers.annotator.value_counts()[: len(COLOURS)]
    top = 1.06 * float(people.max())
    last = answers["at"].max()
    ends = spaced([float(count) for count in people], (0.0, top), 0.075 * top)
    for number, (name, count) in enumerate(people.items()):
        times = answers.loc[answers.annotator == name, "at"].sort_values()
        at, given = [*times, last], [*range(1, len(times) + 1), len(times)]
        axes.step(at, given, where="post", color=COLOURS[number], linewidth=1.7, linestyle=_DASHES[number % 4])
        label = f"{_short(str(name), 18)} {count:,}"
        axes.annotate(label, (1.02, ends[number]), xycoords=("axes fraction", "data"), va="center",
                      color=INK, fontsize=8.5, annotation_clip=False)  # fmt: skip
        line = {"arrowstyle": "-", "color": COLOURS[number], "linewidth": 0.8}
        axes.annotate("", (1.015, ends[number]), (last, count), xycoords=("axes fraction", "data"),
                      textcoords="data", annotation_clip=False, arrowprops=line)  # fmt: skip
    # between two units that follow each other there is a step for each span only if two ticks are enough
    locator = AutoDateLocator(minticks=2, maxticks=5)
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator))
    axes.set_ylim(0, top)
    axes.set_ylabel("labels")
    axes.grid(axis="y", color=GRID, linewidth=0.8)
    return figure


_DASHES: tuple[Any, ...] = ("-", (0, (5, 1.5)), (0, (1.5, 1.2)), (0, (6, 1.5, 1.5, 1.5)))


def _panel(height: float) -> tuple[Any, Any]:
    from weaklab.evaluation.figures import ShownFigure

    figure = ShownFigure(figsize=(WIDTH, height), layout="constrained")
    axes = figure.subplots()
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_axisbelow(True)
    return figure, axes


def _percent(axis: Any) -> None:
    from matplotlib.ticker import PercentFormatter

    axis.set_major_formatter(PercentFormatter(1.0, decimals=0))


def _names(axes: Any, names: Sequence[Any], places: NDArray[Any], most: int = 24) -> None:
    """Write names beside bars, the first one at the top."""
    axes.set_yticks(places, [_short(str(name), most) for name in names])
    axes.set_ylim(len(places) - 0.45, -0.55)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)


def _short(name: str, most: int) -> str:
    return clean(name, most)


def _matrix(values: NDArray[np.float64], rows: Sequence[str], columns: Sequence[str], left: str, above: str) -> Any:
    """Draw numbers as cells whose shade grows with them; NaN is left empty."""
    from matplotlib.patches import Rectangle

    m, k = values.shape
    figure, axes = _panel(0.7 + max(0.27, min(0.5, 1.6 / max(m, 1))) * m)
    most = float(np.nanmax(values, initial=1.0))
    for i, j in np.argwhere(~np.isnan(values)).tolist():
        value = values[i, j]
        shade = 0.04 + 0.55 * float(np.sqrt(value / most)) if value > 0 else 0.0
        axes.add_patch(Rectangle((j - 0.48, i - 0.46), 0.96, 0.92, color=COLOURS[0], alpha=shade, linewidth=0))
        axes.text(j, i, _compact(value), ha="center", va="center", fontsize=8 if k <= 8 else 6.5)
    axes.set_xlim(-0.5, max(k, 1) - 0.5)
    axes.set_ylim(max(m, 1) - 0.5, -0.5)
    turned = max(map(len, columns), default=0) * k > 34
    axes.set_xticks(range(k), columns, rotation=45 if turned else 0, ha="left" if turned else "center")
    axes.set_yticks(range(m), rows)
    axes.xaxis.tick_top()
    axes.xaxis.set_label_position("top")
    axes.set_xlabel(above)
    axes.set_ylabel(left)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    return figure


def _compact(value: float) -> str:
    """Return a number in at most four characters.

    >>> [_compact(value) for value in (0.0, 0.4, 7.6, 999.0, 12_345.0, 2_500_000.0)]
    ['0', '<1', '8', '999', '12k', '2.5M']
    """
    if 0 < value < 0.5:
        return "<1"
    for size, sign in ((1e6, "M"), (1e3, "k")):
        if value >= size:
            return f"{value / size:.1f}{sign}" if value < 10 * size else f"{value / size:.0f}{sign}"
    return f"{value:.0f}"
