"""The networks of states: what a trace computes under the weights of each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import fx, nn

from opscore.engine.algebra.expressions import (
    Atom,
    Builder,
    Coefficient,
    Value,
    added,
    combined,
    multiplied,
    nonzero,
    scaled,
)
from opscore.engine.algebra.rules import value_of
from opscore.engine.algebra.rules.arithmetic import SUMS
from opscore.engine.algebra.site import Rows, Site, Values
from opscore.engine.trace.graph import Rectifier, Trace, mix


@dataclass(frozen=True)
class Counted:
    """What an activation kernel is made of.

    Attributes:
        times: how often the signs of each rectified value count.
        constant: activations that are the same for every image.
    """

    times: dict[Atom, Coefficient]
    constant: Coefficient

    @property
    def signature(self) -> tuple[frozenset[tuple[Atom, Coefficient]], Coefficient]:
        """The same for networks with the same kernel."""
        return frozenset(self.times.items()), self.constant


def neighbours(tables: list[list[list[float]]]) -> list[int]:
    """The places of tables of weights, those that share much after each other."""
    return sorted(range(len(tables)), key=lambda place: tables[place])


class Networks:
    """Makes the expressions of states.

    Args:
        trace: what the network computes.
        modules: its layers by the trace's names.
        options: of :class:`Builder`.
    """

    def __init__(self, trace: Trace, modules: Mapping[str, nn.Module], **options: Any) -> None:
        self.trace = trace
        self.builder = Builder(modules, **options)
        self._latest: tuple[Rows, Values] | None = None
        #: Of each node whether it is there, 1 or 0; empty where nothing can vanish.
        self._there: dict[fx.Node, Coefficient] = {}
        self._vanishing = any(node.kwargs.get("vanishes") for node in trace.nodes)

    def values(self, rows: Rows) -> Values:
        """What each node is under these weights; what the last ones left unchanged is taken over.

        The result is overwritten by the next call.
        """
        before, values = self._latest or ((), Values())
        self._latest = None
        changed: set[fx.Node] = set()
        for node in self.trace.nodes:
            known = node in values
            if known and not self._differs(node, changed, before, rows):
                continue
            value = value_of(Site(self.builder, node, values, rows))
            vanished = self._vanishing and self._vanishes_anew(node, rows)
            if self._vanishing and isinstance(value, Value):
                value = scaled(value, self._there[node])
            value = self._shared(node, value)
            if vanished or not known or values[node] != value:
                values[node] = value
                changed.add(node)
        self._latest = (rows, values)
        return values

    def _differs(self, node: fx.Node, changed: set[fx.Node], before: Rows, rows: Rows) -> bool:
        if node.target is mix:
            edge = node.args[0]
            if isinstance(edge, int) and before[edge] != rows[edge]:
                return True
        return not changed.isdisjoint(node.all_input_nodes)

    def _vanishes_anew(self, node: fx.Node, rows: Rows) -> bool:
        """Find out whether a node is there; whether that has changed.

        A sum is there if one of its terms is, a choice if a candidate is that has a weight, and
        anything else if all is there that it reads.
        """
        read = [self._there[each] for each in node.all_input_nodes]
        there: Coefficient = 1.0
        if node.target is mix:
            edge, weights, _ = node.args
            if isinstance(edge, int) and node.kwargs.get("vanishes"):
                own = [rows[edge][place] for place in weights]  # type: ignore[union-attr, index]
                used = [multiplied(t, w) for t, w in zip(read, own, strict=True)]
                there = combined(lambda *terms: float(any(terms)), *used)
        elif read:
            of = any if node.target in SUMS else all
            there = combined(lambda *terms: float(of(terms)), *read)
        changed = self._there.get(node) != there
        self._there[node] = there
        return changed

    def output(self, rows: Rows) -> Value:
        """The logits."""
        return self.values(rows).tensor(self.trace.output)

    def counted(self, rows: Rows, run_removed: bool) -> Counted:
        """What counts in the kernel of a state: rectifiers that run, each once.

        With ``run_removed`` it is what the authors' hooks count: modules whose name contains
        'ReLU', and those of removed operations where they run.
        """
        values = self.values(rows)
        times: dict[Atom, Coefficient] = {}
        constant: Coefficient = 0.0
        for rectifier in self.trace.rectifiers:
            if not (rectifier.real or run_removed):
                continue
            seen, unseen = _sees_input(rectifier, rows, run_removed)
            if self._vanishing:
                there = self._there[rectifier.input]
                seen, unseen = multiplied(seen, there), multiplied(unseen, there)
            value = values.tensor(rectifier.input)
            shape = rectifier.input.meta["shape"][1:]
            if not value:
                seen, unseen = 0.0, added(seen, unseen)
            constant = added(constant, multiplied(unseen, float(torch.Size(shape).numel())))
            if nonzero(seen):
                atom = self.builder.rectified(value, shape)
                times[atom] = added(times.get(atom, 0.0), seen)
        return Counted(times, constant)

    def _shared(self, node: fx.Node, value: Any) -> Any:
        """A sum that is read more than once is computed once."""
        if not isinstance(value, Value) or not value or len(node.users) < 2:
            return value
        alone = value.alone
        if alone is not None and alone.kind != "conv":
            return value
        return self.builder.layer("sum", None, (value,), node.meta["shape"][1:])


def _sees_input(
    rectifier: Rectifier, rows: Rows, run_removed: bool
) -> tuple[Coefficient, Coefficient]:
    """How often a rectifier sees its input (0 or 1), and how often zeros in its place."""
    candidate = rectifier.candidate
    if candidate is None:
        return 1.0, 0.0
    weight = rows[candidate.edge][candidate.op]
    present = combined(lambda w: float(w != 0), weight)
    if not run_removed or candidate.removed == "absent":
        return present, 0.0
    if candidate.removed == "whole" or rectifier.wrapper:
        return 1.0, 0.0
    return present, combined(lambda p: 1.0 - p, present)
