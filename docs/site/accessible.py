"""HTML that screen readers can follow where that of Sphinx and pandas cannot be followed."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sphinx.application import Sphinx

EMPTY_HEADER = re.compile(r'<th(?P<attributes>(?: [a-z]+="[^"]*")*)>\s*(?:<p></p>)?\s*</th>')
LINES = re.compile(r"<dl>\s*(?P<lines>(?:<dd>.*?</dd>\s*)+)</dl>", re.S)


def mended(body: str) -> str:
    """Return a page whose corner cells are no headers, and whose signatures are no lists of terms without a term."""
    body = EMPTY_HEADER.sub(r"<td\g<attributes>></td>", body)
    body = body.replace('>Variables<span class="colon">', '>Attributes<span class="colon">')  # as docstrings have it
    return LINES.sub(lambda found: spans(found["lines"]), body)


def spans(lines: str) -> str:
    """Return the parameters of a signature, one a line."""
    lines = lines.replace("<dd>", '<span class="sig-line">').replace("</dd>", "</span>")
    return f'<span class="sig-lines">{lines}</span>'


def mend(app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: Any) -> None:
    """Change the body of a page before it is written."""
    if "body" in context:
        context["body"] = mended(context["body"])


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the step."""
    app.connect("html-page-context", mend)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
