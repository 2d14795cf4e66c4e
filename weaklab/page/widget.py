"""The notebook widget: the page in a cell, which talks to Python by the messages of the notebook."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from weaklab.core.errors import WeaklabError
from weaklab.core.tables import some_of
from weaklab.page.access import LABEL, READ
from weaklab.page.bundle import bundle, style, view_names
from weaklab.page.calls import Content, PageCalls
from weaklab.page.tabs import checked_name

if TYPE_CHECKING:
    from weaklab.project.project import Project

HEIGHT, LOWEST, HIGHEST = 580, 200, 4000
"""Pixels."""


def widget(
    project: Project, view: str = "label", annotator: str | None = None, *, height: int = HEIGHT, **options: Any
) -> Any:
    """Return the widget of a project; see :meth:`weaklab.Project.widget`."""
    try:
        import anywidget  # noqa: F401
    except ImportError:
        raise WeaklabError("the widget needs anywidget: pip install 'weaklab[widget]'") from None
    views = view_names()
    if view not in views:
        raise WeaklabError(f"there is no view {view!r}; there are {some_of(views)}")
    if type(height) is not int or not LOWEST <= height <= HIGHEST:
        raise WeaklabError(f"height must be a whole number of pixels, {LOWEST} to {HIGHEST}, got {height!r}")
    name = checked_name(project.annotator if annotator is None else annotator)
    from weaklab.page.notebook import NotebookWidget

    setup = {"project": str(project.path.resolve()), "annotator": name, "view": view, "height": height}
    calls = PageCalls(project, **options)
    calls.prepare()
    return NotebookWidget(
        calls, READ if project.read_only else LABEL, _esm=bundle("widget.js"), _style=style(), _setup=setup
    )


def reply(calls: PageCalls, role: str, asked: Any) -> tuple[dict[str, Any], list[bytes]]:
    """Answer a message of the widget; return the message that goes back, and the bytes that go with it.

    Parameters
    ----------
    calls : what answers
    role : what the person may do
    asked : ``id``, ``path`` and, where the call is one that comes with JSON, ``body``
    """
    asked = asked if isinstance(asked, dict) else {}
    status, found = calls.answer(asked.get("path"), asked.get("body"), role)
    buffers, kind = [], ""
    if isinstance(found, Content):
        buffers, kind, found = [found.content], found.media_type, {}
    text = json.dumps(found, ensure_ascii=True, allow_nan=False, separators=(",", ":"))  # half of a pair is no UTF-8
    return {"id": asked.get("id"), "status": status, "type": kind, "json": text}, buffers
