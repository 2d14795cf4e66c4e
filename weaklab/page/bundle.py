"""The modules of the page as one: a notebook takes a single module."""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files

IMPORT = re.compile(r'^import \{([^}]*)\} from "([^"]+)";\n', re.MULTILINE)
LATER = re.compile(r'\bimport\("([^"]+)"\)')
COMMENT = re.compile(r"^[ \t]*(?://.*|/\*[^*]*\*+(?:[^/*][^*]*\*+)*/[ \t]*)\n", re.MULTILINE)
NAMED = re.compile(r"^export ((?:async )?(?:function|class|const) (\w+))", re.MULTILINE)
LISTED = re.compile(r"export\s*\{([^}]*)\};?\s*$")


@cache
def bundle(name: str) -> str:
    """Return a module of the page with all that it imports in one text, which exports what the module exports.

    Modules that are loaded later are in it as well. Comments and indentation are left out.

    Parameters
    ----------
    name : a file in ``static``, whose modules import names in braces and export declarations, or a list at their end

    Raises
    ------
    ValueError
        Modules import one another in a circle.

    Examples
    --------
    >>> text = bundle("widget.js")
    >>> "import {" in text, text.count("export default")
    (False, 1)
    """
    order: list[str] = []
    _collect(name, order, ())
    found = "\n".join([*(_as_object(module) for module in order[:-1]), _without_imports(name, _text(name))])
    return re.sub(r"(</?)main\b", r"\1section", found)  # a page has one main part: that of the notebook


def view_names() -> list[str]:
    """Return the names of the views that the module has.

    >>> "label" in view_names()
    True
    """
    views = _text("weaklab.js").partition("export const VIEWS = [")[2].partition("];")[0]
    return re.findall(r'^  \["(\w+)"', views, re.MULTILINE)


def style() -> str:
    """Return the style sheet of the widget: that of the page, and what differs in a notebook."""
    return re.sub(r"\bmain(?=\.\w)", "section", _bare(_text("weaklab.css") + _text("widget.css")))


def _text(name: str) -> str:
    return (files("weaklab.page") / "static").joinpath(*name.split("/")).read_text(encoding="utf-8")


def _collect(name: str, order: list[str], above: tuple[str, ...]) -> None:
    """Add a module to the order, after all that it imports."""
    if name in above:
        raise ValueError(f"modules import one another in a circle: {' -> '.join([*above, name])}")
    text = _text(name)
    for imported in [*(found[1] for found in IMPORT.findall(text)), *LATER.findall(text)]:
        _collect(_file(imported), order, (*above, name))
    if name not in order:
        order.append(name)


def _file(imported: str) -> str:
    return imported.removeprefix("./")


def _variable(name: str) -> str:
    return "module_" + re.sub(r"\W", "_", name)


def _without_imports(name: str, text: str) -> str:
    """Turn the imports of a module into names taken from objects."""
    text = IMPORT.sub(lambda found: f"const {{{_renamed(found[1])}}} = {_variable(_file(found[2]))};\n", _bare(text))
    return LATER.sub(lambda found: f"Promise.resolve({_variable(_file(found[1]))})", text)


def _bare(text: str) -> str:
    r"""Leave out comments on lines of their own, and indentation.

    >>> _bare("/** What it does. */\n  a = 1; // one\n  // why\n  b = 2;\n")
    'a = 1; // one\nb = 2;\n'
    """
    return re.sub(r"^[ \t]+", "", re.sub(COMMENT, "", text), flags=re.MULTILINE)


def _renamed(names: str) -> str:
    return re.sub(r"([\w$]+) as ([\w$]+)", r"\1: \2", names)


def _as_object(name: str) -> str:
    """Return a module as the call of a function that returns what it exports."""
    text = _without_imports(name, _text(name))
    listed = LISTED.search(text)
    exported = [found[1] for found in NAMED.findall(text)]
    if listed:
        exported.append(re.sub(r"([\w$]+) as ([\w$]+)", r"\2: \1", listed[1]))
    body = NAMED.sub(r"\1", LISTED.sub("", text))
    return f"const {_variable(name)} = (() => {{\n{body}\nreturn {{{', '.join(exported)}}};\n}})();\n"
