"""Sphinx directives whose text comes from the package, and how its docstrings are read.

{cards} proxies           a card for each proxy, or for each policy
{names} opscore.testing   the docstrings of a module's public names
"""

from __future__ import annotations

import inspect
import re
import sys
from contextlib import suppress
from importlib import import_module
from pkgutil import resolve_name
from types import ModuleType
from typing import Any

from cards import cards
from docutils.nodes import Element, Node
from sphinx.pycode import ModuleAnalyzer
from sphinx.util.docutils import SphinxDirective

import opscore

# --- reference


def public(module: ModuleType) -> list[str]:
    """A module's public names: those it lists, else those that are written in it."""
    listed = getattr(module, "__all__", None)
    if listed is not None:
        return [name for name in listed if not name.startswith("_")]
    return [
        name
        for name, thing in vars(module).items()
        if not name.startswith("_") and getattr(thing, "__module__", "") == module.__name__
    ]


def remark(name: str, thing: object) -> list[str]:
    """The '#:' comment of a constant, from the module of the package that it is made in."""
    for module_name, module in sorted(sys.modules.items()):
        if module_name.startswith("opscore.") and vars(module).get(name) is thing:
            remarks = ModuleAnalyzer.for_module(module_name).find_attr_docs()
            if ("", name) in remarks:
                return remarks["", name]
    return []


def description(full_name: str, thing: object) -> str:
    """What describes one public name, in reStructuredText."""
    if inspect.isclass(thing) and not issubclass(thing, BaseException):
        return f".. autoclass:: {full_name}\n   :members:\n   :show-inheritance:\n"
    if inspect.isclass(thing):
        return f".. autoexception:: {full_name}\n"
    if inspect.isroutine(thing):
        return f".. autofunction:: {full_name}\n"
    lines = [f"   {line}" for line in remark(full_name.rpartition(".")[2], thing)]
    return "\n".join([f".. py:data:: {full_name}", "", *lines, ""])


def reference(module_name: str) -> str:
    """The description of each public name of a module; what ``opscore`` has too stands there."""
    module = import_module(module_name)
    parts, elsewhere = [], []
    for name in public(module):
        thing = getattr(module, name)
        if module is not opscore and name in opscore.__all__:
            elsewhere.append(name)
        elif not inspect.ismodule(thing):
            parts.append(description(f"{module_name}.{name}", thing))
    if elsewhere:
        names = ", ".join(f":py:obj:`{name} <opscore.{name}>`" for name in elsewhere)
        parts.insert(0, f"Also here, and described with ``opscore``: {names}.\n")
    return "\n".join(parts)


# --- docstrings


def escape_bars(*arguments: Any) -> None:
    """A bar in a docstring is one: |O| is a number of operations, and names no replacement."""
    lines = arguments[-1]
    lines[:] = [re.sub(r"(``.*?``)|\|", lambda found: found[1] or r"\|", line) for line in lines]


def no_type(*arguments: Any) -> None:
    """What stands before a colon in a property's docstring is no type: napoleon sees no line."""
    if arguments[1] == "property":
        arguments[-1].insert(0, "")


def leads(start: object, names: list[str]) -> bool:
    """Whether attributes lead from a module to something, a field of a class among them."""
    found: Any = start
    for name in names:
        if not hasattr(found, name):
            return name in getattr(found, "__annotations__", ())
        found = getattr(found, name)
    return True


def without_a_page(app: Any, env: Any, node: Element, shown: Element) -> Element | None:
    """A reference to what has no page here is shown as code, if the package has such a thing."""
    if node.get("refdomain") != "py":
        return None
    target = node["reftarget"]
    with suppress(ImportError, AttributeError, ValueError):
        resolve_name(target)
        return shown
    names = target.split(".")
    rooms = [room for name, room in sys.modules.items() if name.split(".")[0] == "opscore"]
    return shown if any(leads(room, names) for room in rooms) else None


# --- directives


class Cards(SphinxDirective):
    """``{cards} proxies`` or ``{cards} policies``."""

    required_arguments = 1

    def run(self) -> list[Node]:
        """The cards, as sections."""
        return self.parse_text_to_nodes(cards(self.arguments[0]), allow_section_headings=True)


class Names(SphinxDirective):
    """``{names} MODULE``."""

    required_arguments = 1

    def run(self) -> list[Node]:
        """The names' descriptions."""
        text = f"```{{eval-rst}}\n{reference(self.arguments[0])}\n```\n"
        return self.parse_text_to_nodes(text, allow_section_headings=True)


def setup(app: Any) -> dict[str, bool]:
    """Called by Sphinx."""
    app.add_directive("cards", Cards)
    app.add_directive("names", Names)
    app.connect("autodoc-process-docstring", escape_bars)
    app.connect("autodoc-process-docstring", no_type, priority=400)
    app.connect("missing-reference", without_a_page)
    return {"parallel_read_safe": True}
