"""What the page says of the project as a whole: its labels, its members, and how far the work is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from weaklab.core.labels import ABSTAIN
from weaklab.project.at_hand import look

if TYPE_CHECKING:
    from weaklab.project.project import Project


def project_facts(project: Project) -> dict[str, Any]:
    """Return what a page needs to know once: name, labels, the usual annotator and the number of records."""
    return {
        "name": project.path.resolve().name,
        "labels": list(project.label_names),
        "annotator": project.workspace.annotator,
        "records": len(look(project.workspace).y),
        "heuristics": list(project.committee.names),
        "people": _people(project),
        "load_errors": list(project.load_errors),
    }


def overview(project: Project) -> dict[str, Any]:
    """Return how far the work is, for a page that only looks: labels in all, of each class and of each person."""
    work = project.workspace
    snapshot = look(work)
    y = snapshot.y
    names = list(work.label_names)
    counts = {name: int((y == code).sum()) for code, name in enumerate(names)}
    return {
        "records": len(y),
        "labels": int((y != ABSTAIN).sum()),
        "by_label": counts,
        "by_person": _people(project),
        "accuracy": work.accuracy.as_json(),
    }


def _people(project: Project) -> dict[str, int]:
    """Return annotator -> number of labels."""
    snapshot = project.workspace.snapshot
    return {str(name): int(count) for name, count in zip(snapshot.people, snapshot.counts, strict=True) if count}
