"""A figure that notebooks show as a picture; it imports matplotlib, which is optional."""

from __future__ import annotations

from typing import Any

from matplotlib.figure import Figure

from weaklab.evaluation.plots import figure_bytes


class ShownFigure(Figure):
    """A figure that a notebook shows as the last line of a cell.

    matplotlib itself does that only after ``matplotlib.pyplot`` was imported; otherwise one line of text is shown.
    """

    def _repr_png_(self) -> tuple[bytes, dict[str, Any]]:
        width, height = (round(float(inches) * 96) for inches in self.get_size_inches())
        return figure_bytes(self, "png"), {"width": width, "height": height}
