"""The widget as a class of anywidget, which is imported only where one is made."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import anywidget
import traitlets

from weaklab.page.widget import reply

if TYPE_CHECKING:
    from weaklab.page.calls import PageCalls


class NotebookWidget(anywidget.AnyWidget):  # type: ignore[misc]  # anywidget need not be installed
    """A project in a cell of a notebook; made by :meth:`weaklab.Project.widget`.

    Parameters
    ----------
    calls : what answers the messages
    role : what the person may do
    traits : what the module in the browser is told
    """

    _setup = traitlets.Dict().tag(sync=True)
    _style = traitlets.Unicode().tag(sync=True)
    _calls: PageCalls | None = None

    def __init__(self, calls: PageCalls, role: str, **traits: Any) -> None:
        super().__init__(**traits)
        self._calls, self._role = calls, role
        self.on_msg(self._receive)

    def _receive(self, _: Any, content: Any, buffers: Any) -> None:
        if self._calls is not None:
            message, files = reply(self._calls, self._role, content)
            self.send(message, files)

    def close(self) -> None:
        """Take the widget away and let go of the records that it holds."""
        if self._calls is not None:
            self._calls.close()
        super().close()

    def __repr__(self) -> str:
        return f"Widget({self._setup.get('project')!r}, view={self._setup.get('view')!r})"
