"""The labeling page: a local server over a project's sessions, and the module that draws page and widget."""

from weaklab.page.server import serve

__all__ = ["serve"]
