"""LaTeX as MathML, which browsers draw themselves: no script, no request.

The converter is that of docutils. MathJax would come from another machine.
"""

from typing import Any

from docutils import nodes
from docutils.utils.math import MathError
from docutils.utils.math.latex2mathml import tex2mathml
from sphinx.application import Sphinx
from sphinx.util import logging

logger = logging.getLogger(__name__)


def converted(text: str, *, block: bool) -> str:
    """A formula as a `<math>` element.

    Raises:
        MathError: the converter does not know a command in it.
    """
    # The converter knows no such sign; a lesson has it in the place of a number.
    return tex2mathml(text.strip().replace("…", r"\ldots "), as_block=block)


def _visit(self: Any, node: nodes.Element) -> None:
    block = isinstance(node, nodes.math_block)
    try:
        formula = converted(node.astext(), block=block)
    except MathError as error:
        logger.warning("formula %r: %s", node.astext(), error, location=node)
        formula = f"<code>{self.encode(node.astext())}</code>"
    self.body.append(f'<div class="math">{formula}</div>' if block else formula)
    raise nodes.SkipNode


def setup(app: Sphinx) -> None:
    """Make it the way in which HTML shows formulas."""
    app.add_html_math_renderer("mathml", (_visit, None), (_visit, None))
