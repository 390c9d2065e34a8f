"""Figures as SVG that stands inside a page, in the page's colours and type."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from xml.etree import ElementTree

from markupsafe import Markup
from matplotlib import rc_context
from matplotlib.axes import Axes

from opscore.answers import style
from opscore.answers.look import Look, looking

#: Text stays text, '$' in a name is no formula.
_SETTINGS = {"svg.fonttype": "none", "text.parse_math": False}

#: Colours that the page sets, for light and dark; all others mean a number and stay.
_COLOURS = {
    "#000000": "ink",
    style.INK: "ink",
    "#222222": "ink",
    style.MUTED: "muted",
    style.LINE: "line",
    style.STRIPE: "line",
    style.MEASURED: "measured",
    style.PUBLISHED: "published",
}

_SVG = "{http://www.w3.org/2000/svg}"

#: Pixels of a point.
_PIXELS = 4 / 3


@dataclass(frozen=True)
class Drawing:
    """A figure of the page.

    Attributes:
        caption: what it shows.
        svg: the drawing, safe to stand in a page.
        width: pixels at which it has the page's size of type.
    """

    caption: str
    svg: Markup
    width: int


def picture(caption: str, draw: Callable[[], Axes], name: str) -> Drawing:
    """The figure that ``draw`` makes.

    Args:
        caption: what it shows.
        draw: draws it.
        name: of the figure, another one for each of a page: marks inside the drawing begin so.
    """
    settings: Any = {**_SETTINGS, "svg.hashsalt": name}
    with looking(Look("screen")), rc_context(settings):
        figure = style.figure_of(draw())
        written = io.BytesIO()
        nothing = dict.fromkeys(("Date", "Creator", "Format", "Type"))
        figure.savefig(
            written, format="svg", transparent=True, bbox_inches="tight", metadata=nothing
        )
    drawing = ElementTree.fromstring(written.getvalue())
    width = float(drawing.attrib.pop("width").removesuffix("pt")) * _PIXELS
    return Drawing(caption, Markup(_inline(drawing, caption, name)), round(width))


def _inline(drawing: ElementTree.Element, caption: str, name: str) -> str:
    """The drawing without what belongs to a file of its own, in the page's colours."""
    del drawing.attrib["height"]
    for parent in list(drawing.iter()):
        for child in list(parent):
            if child.tag in {f"{_SVG}metadata", f"{_SVG}style"}:
                parent.remove(child)
    for element in drawing.iter():
        element.tag = element.tag.removeprefix(_SVG)
        element.attrib = dict(_attribute(*item, name) for item in element.attrib.items())
    drawing.attrib |= {"role": "img", "aria-label": caption}
    return ElementTree.tostring(drawing, encoding="unicode")


def _attribute(key: str, value: str, name: str) -> tuple[str, str]:
    """An attribute for a page that has other drawings too, whose marks have other names."""
    key = key.rpartition("}")[2]
    if key == "id":
        return key, f"{name}-{value}"
    if key == "href" and value.startswith("#"):
        return key, f"#{name}-{value[1:]}"
    if key == "clip-path":
        return key, value.replace("#", f"#{name}-")
    return key, _style(value) if key == "style" else value


def _style(given: str) -> str:
    """A style attribute in the page's colours, without type of its own."""
    found = re.sub(r"font: ([0-9.]+px) [^;]*", r"font-size: \1", given)
    found = found.replace("stroke: #ffffff", "stroke: var(--page)")
    return re.sub(
        r"#[0-9a-f]{6}",
        lambda colour: f"var(--{_COLOURS[colour[0]]})" if colour[0] in _COLOURS else colour[0],
        found,
    )
