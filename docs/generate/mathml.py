"""LaTeX as MathML, which browsers draw themselves: no script, no request.

The converter is that of docutils. MathJax would come from another machine.
"""

import html
import re
from typing import Any
from xml.etree import ElementTree

from docutils import nodes
from docutils.utils.math import MathError
from docutils.utils.math.latex2mathml import tex2mathml
from sphinx.application import Sphinx
from sphinx.util import logging

MATHML = "http://www.w3.org/1998/Math/MathML"
ACCENTS = "ˆˉ~˙¨→"
# Names that HTML knows and XML does not.
_ENTITY = re.compile(r"&(?!amp;|lt;|gt;|quot;|apos;)\w+;")
ElementTree.register_namespace("", MATHML)

logger = logging.getLogger(__name__)


def converted(text: str, *, block: bool) -> str:
    """A formula as a `<math>` element.

    Raises:
        MathError: the converter does not know a command in it.
    """
    # The converter knows no such sign; a lesson has it in the place of a number.
    text = text.strip().replace("…", r"\ldots ")
    formula = _ENTITY.sub(
        lambda found: html.unescape(found[0]), tex2mathml(text, as_block=block)
    )
    root = ElementTree.fromstring(formula)
    for node in root.iter():
        _mend(node)
    return ElementTree.tostring(root, encoding="unicode")


def _mend(node: ElementTree.Element) -> None:
    """What the converter sets otherwise than LaTeX: the index of Ŵ_i, and ‖·‖²."""
    kind = node.tag.rpartition("}")[2]
    if kind == "munderover" and len(node) == 3 and node[2].text in set(ACCENTS):
        # It comes below the letter, like a limit.
        base, index, accent = node
        over = ElementTree.Element(f"{{{MATHML}}}mover", {"accent": "true"})
        over.extend([base, accent])
        node.tag = f"{{{MATHML}}}msub"
        node[:] = [over, index]
    if kind in ("msub", "msup", "msubsup") and node[0].text == "‖":
        # A bar that carries an index would grow with it.
        node[0].set("stretchy", "false")


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
