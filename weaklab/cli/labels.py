"""Changing the labels of a project from the command line."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from weaklab.core.errors import WeaklabError
from weaklab.core.tables import json_text

if TYPE_CHECKING:
    from weaklab.project.label_changes import ProjectLabels


def change(labels: ProjectLabels, given: Mapping[str, Any]) -> str:
    """Make the one change that the options name, and return what to say about it; nothing where there is none.

    Raises
    ------
    WeaklabError
        There are several, or the change cannot be made.
    """
    if len(given) > 1:
        raise WeaklabError(f"one change per call, got {', '.join(f'--{name}' for name in given)}")
    for name, value in given.items():
        if name == "undo":
            event = labels.undo()
            return "no change of the labels is left to undo" if event is None else f"undone: {said(event.value)}"
        if name == "order":
            value = [[each.strip() for each in value.split(",")]]
        event = getattr(labels, name)(*([value] if isinstance(value, str) else value))
        return f"done: {said(event.value)}"
    return ""


def said(value: Mapping[str, Any]) -> str:
    """Return a change of the labels in words.

    >>> said({"rename": ["spam", "junk"]}), said({"add": "news"})
    ('rename spam to junk', 'add news')
    """
    [(kind, names)] = value.items()
    if kind in ("rename", "merge"):
        return f"{kind} {names[0]} {'to' if kind == 'rename' else 'into'} {names[1]}"
    return f"{kind} {names if isinstance(names, str) else ', '.join(names)}"


def print_json(labels: ProjectLabels) -> None:
    """Print one JSON object: label -> its code, number of manual labels, former names."""
    table = labels.table()
    print(
        json_text(
            {
                row[0]: {"code": row[1], "manual_labels": row[2], "former_names": row[3].split(", ") if row[3] else []}
                for row in table.rows
            }
        )
    )
