"""Writing a report: sections become HTML by a template that escapes all texts, and plots become SVG inside it."""

from __future__ import annotations

import re
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

from weaklab.core.errors import WeaklabError
from weaklab.core.files import replacing
from weaklab.evaluation.plots import COLOURS, GREY

if TYPE_CHECKING:
    from weaklab.project.project import Project

NO_JINJA = "a report needs jinja2 and matplotlib: pip install 'weaklab[report]'"
SUFFIXES = (".html", ".htm")
HERE = Path(__file__).parent
_GROUP_ID = re.compile(r'<(g|text) id="[^"]*"')
_STYLE_ELEMENT = re.compile(r"<style[^>]*>.*?</style>", re.DOTALL)
_METADATA = re.compile(r"<metadata>.*?</metadata>", re.DOTALL)
_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
_SIZE = re.compile(r'<svg [^>]*?viewBox="([^"]*)"[^>]*>')
_FONT = re.compile(r"font: ([^;\"]*?)'DejaVu Sans'")


def write_report(project: Project, path: str | Path) -> Path:
    """Write the report of a project, see :meth:`weaklab.Project.report`."""
    path = Path(path)
    if path.suffix.lower() not in SUFFIXES:
        raise WeaklabError(f"cannot write a report to {path.name!r}; wanted a name that ends in .html")
    page = report_html(project)
    with replacing(path) as temporary:
        temporary.write_text(page, encoding="utf-8")
    return path


def report_html(project: Project) -> str:
    """Return the report of a project as HTML.

    Raises
    ------
    WeaklabError
        A package is missing, or there is no record yet.
    """
    try:
        import matplotlib.figure  # noqa: F401  # missing packages are told before the work begins
        from jinja2 import Environment, FileSystemLoader
    except ImportError:
        raise WeaklabError(NO_JINJA) from None
    from markupsafe import Markup

    from weaklab import __version__
    from weaklab.report.contents import contents

    found = contents(project)
    environment = Environment(loader=FileSystemLoader(HERE), autoescape=True, trim_blocks=True, lstrip_blocks=True)
    template = environment.get_template("report.html.jinja")
    css = Markup((HERE / "report.css").read_text(encoding="utf-8"))  # noqa: S704  # our own file
    return template.render(found=found, css=css, svg=inline_svg, version=__version__)


def inline_svg(figure: Any, alt: str, key: str) -> Any:
    """Return a figure as an SVG element for a page: texts stay texts, colours follow the theme, ids are unique.

    Parameters
    ----------
    figure : a matplotlib Figure
    alt : what it shows, in words
    key : a word that no other figure of the page has
    """
    from io import StringIO

    from markupsafe import Markup, escape
    from matplotlib import rc_context

    from weaklab.report.plots import REPORT_STYLE

    stream = StringIO()
    style = REPORT_STYLE | {"svg.fonttype": "none", "svg.hashsalt": key}
    with rc_context(style), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from font", UserWarning)  # the browser has more fonts
        figure.savefig(stream, format="svg", transparent=True, metadata={"Date": None})
    drawn = stream.getvalue()
    drawn = drawn[drawn.index("<svg ") :]
    for pattern in (_COMMENT, _STYLE_ELEMENT, _METADATA):
        drawn = pattern.sub("", drawn)
    drawn = _GROUP_ID.sub(r"<\1", drawn)
    drawn = _FONT.sub(r"font: \1var(--font)", drawn)
    for colour, name in _theme().items():
        drawn = drawn.replace(colour, f"var(--{name})")
    box = _SIZE.search(drawn)
    assert box is not None
    head = f'<svg viewBox="{box.group(1)}" role="img" aria-label="{escape(alt)}" xmlns:xlink="http://www.w3.org/1999/xlink">'
    return Markup(head + drawn[box.end() :])  # noqa: S704  # matplotlib escapes the texts of a figure


def _theme() -> dict[str, str]:
    from weaklab.report.plots import GRID, INK, PAPER

    named = {colour.lower(): f"c{number}" for number, colour in enumerate(COLOURS, 1)}
    return {**named, GREY: "mid", GRID: "grid", INK: "ink", PAPER: "paper", "#000000": "ink"}
