"""Mathematics as MathML, made during the build: the pages need no script and no font from elsewhere."""

from typing import Any

from docutils import nodes
from docutils.utils.math import MathError
from docutils.utils.math.latex2mathml import tex2mathml
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError


def mathml(node: nodes.math | nodes.math_block, block: bool) -> str:
    """Return a formula as MathML."""
    code = node.astext()
    try:
        return tex2mathml(code, as_block=block)
    except MathError as error:
        raise ExtensionError(f"{node.source}:{node.line}: the formula {code!r}: {error}") from None


def write_inline(self: Any, node: nodes.math) -> None:
    """Write a formula within a line."""
    self.body.append(mathml(node, block=False))
    raise nodes.SkipNode


def write_display(self: Any, node: nodes.math_block) -> None:
    """Write a formula that stands alone; on a narrow screen it can be scrolled, with the keyboard too."""
    self.body.append(f'<div class="formula" tabindex="0">{mathml(node, block=True)}</div>')
    raise nodes.SkipNode


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the renderer."""
    app.add_html_math_renderer("mathml", inline_renderers=(write_inline, None), block_renderers=(write_display, None))
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
