"""Code in a text leads to the reference, where it names a part of weaklab: `weaklab.read`, `project.ask(10)`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from docutils import nodes
from typer.main import get_command

from weaklab.cli.app import app as program

if TYPE_CHECKING:
    from sphinx.application import Sphinx

SHORT = {"wl": "weaklab", "project": "weaklab.Project", "session": "weaklab.project.session.Session"}
COMMANDS = get_command(program).commands  # type: ignore[attr-defined]
COMMAND_PAGE = "docs/reference/commands"
NAME = re.compile(r"(?:[A-Za-z_]\w*\.)*[A-Za-z_]\w*(?=$|\()")
COMMAND = re.compile(r"weaklab ([a-z]+)(?= |$)")


def full_name(code: str) -> str:
    """Return the dotted name that a piece of code stands for, or ""."""
    found = NAME.match(code)
    first, _, rest = (found[0] if found else "").partition(".")
    if not rest:
        return f"weaklab.{first}" if first[:1].isupper() else ""
    return f"{SHORT.get(first, first)}.{rest}"


def place(app: Sphinx, page: str, code: str) -> str | None:
    """Return where the reference describes a piece of code, as a link from a page."""
    command = COMMAND.match(code)
    if command and command[1] in COMMANDS:
        return f"{app.builder.get_relative_uri(page, COMMAND_PAGE)}#weaklab-{command[1]}"
    entry = app.env.domains.python_domain.objects.get(full_name(code))
    return f"{app.builder.get_relative_uri(page, entry.docname)}#{entry.node_id}" if entry else None


def link(app: Sphinx, tree: nodes.document, page: str) -> None:
    """Put links around the names in a page, where they are no part of a link or a heading."""
    if page.startswith("docs/reference/"):
        return
    for code in list(tree.findall(nodes.literal)):
        to = place(app, page, code.astext())
        if to is not None and not isinstance(code.parent, (nodes.reference, nodes.title)):
            around = nodes.reference("", "", internal=True, refuri=to, classes=["named-in-code"])
            code.replace_self(around)
            around += code


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the step, after links are resolved."""
    app.connect("doctree-resolved", link)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
