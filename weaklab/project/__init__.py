"""A project: records, heuristics and manual labels in one folder, and the labeling sessions on it."""

from weaklab.project.project import Project
from weaklab.project.session import Session

__all__ = ["Project", "Session"]
