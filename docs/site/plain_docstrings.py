"""Docstrings of weaklab for napoleon: ``name : what it is`` on one line is a description there, not a type."""

import re
from typing import Any

from sphinx.application import Sphinx

DESCRIBED = ("Parameters", "Attributes", "Other Parameters")
ENTRY = re.compile(r"(\*{0,2}\w+(?:, \*{0,2}\w+)*) : (.*)")


def described(lines: list[str]) -> list[str]:
    """Return the lines of a docstring with the description of each parameter below its name."""
    result: list[str] = []
    section = ""
    for number, line in enumerate(lines):
        if number + 1 < len(lines) and re.fullmatch("-{3,}", lines[number + 1]):
            section = line
        entry = ENTRY.fullmatch(line) if section in DESCRIBED else None
        result += [entry[1], "    " + entry[2]] if entry else [line]
    return result


def process(app: Sphinx, what: str, name: str, obj: object, options: Any, lines: list[str]) -> None:
    """Rewrite a docstring before napoleon reads it."""
    lines[:] = described(lines)


def is_foreign(app: Sphinx, what: str, name: str, obj: object, skip: bool, options: Any) -> bool | None:
    """Leave out what a base class of another library brings along, such as scikit-learn's routing of metadata."""
    module = str(getattr(obj, "__module__", None) or "weaklab")
    return True if callable(obj) and not module.startswith("weaklab") else None


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the step before that of napoleon, whose priority is 500."""
    app.connect("autodoc-process-docstring", process, priority=400)
    app.connect("autodoc-skip-member", is_foreign)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
