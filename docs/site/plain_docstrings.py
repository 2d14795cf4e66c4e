"""Docstrings of weaklab for napoleon: ``name : what it is`` on one line is a description there, not a type."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from sphinx.util.nodes import make_refnode

if TYPE_CHECKING:
    from sphinx.application import Sphinx


DESCRIBED = ("Parameters", "Attributes", "Other Parameters")
COLON = "\N{RATIO} "
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


def short_names(text: str) -> str:
    """Return text in which a link to a name of weaklab shows the last part of it, not where it stands."""
    return re.sub(r"(:(?:class|func|meth|data|mod|attr|exc):`)(weaklab\.)", r"\1~\2", text)


def process(app: Sphinx, what: str, name: str, obj: object, options: Any, lines: list[str]) -> None:
    """Rewrite a docstring before napoleon reads it."""
    lines[:] = [short_names(line) for line in described(lines)]
    if what in ("property", "attribute"):
        # napoleon would read what stands before a colon as a type
        lines[:] = [line.replace(": ", COLON) for line in lines]


def restore(app: Sphinx, what: str, name: str, obj: object, options: Any, lines: list[str]) -> None:
    """Put the colons back that napoleon must not see."""
    lines[:] = [line.replace(COLON, ": ") for line in lines]


def is_foreign(app: Sphinx, what: str, name: str, obj: object, skip: bool, options: Any) -> bool | None:
    """Leave out what a base class of another library brings along, such as scikit-learn's routing of metadata."""
    module = str(getattr(obj, "__module__", None) or "weaklab")
    return True if callable(obj) and not module.startswith("weaklab") else None


def by_last_part(app: Sphinx, environment: Any, node: Any, shown: Any) -> Any:
    """Return a link for a type that a signature names without its module, where one described class has this name."""
    described = environment.domains.python_domain.objects
    last = str(node.get("reftarget")).rsplit(".", 1)[-1]
    found = {entry.node_id: entry for name, entry in described.items() if name.rsplit(".", 1)[-1] == last}
    classes = [entry for entry in found.values() if entry.objtype == "class" and not entry.aliased]
    if node.get("refdomain") != "py" or len(classes) != 1:
        return None
    at = classes[0]
    return make_refnode(app.builder, node["refdoc"], at.docname, at.node_id, shown, node["reftarget"])


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the steps before and after napoleon, whose priority is 500."""
    app.connect("autodoc-process-docstring", process, priority=400)
    app.connect("autodoc-process-docstring", restore, priority=600)
    app.connect("missing-reference", by_last_part)
    app.connect("autodoc-skip-member", is_foreign)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
