"""From score tables to findings: correlations with intervals, selections, figures.

Every analysis is a small set of parameters that turns a frame into a frame; plots compute
nothing. Nothing here needs torch, and what draws is imported when it is first asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from opscore.analysis.bars import BARS, HINDSIGHT, is_bar
from opscore.analysis.between_trainings import agreement_between_trainings
from opscore.analysis.correlation import Correlation, edge_correlations
from opscore.analysis.differences import paired_differences
from opscore.analysis.edge_specific import edge_specific_agreement
from opscore.analysis.estimates import (
    AdditiveModel,
    agreement_of_halves,
    agreement_of_kinds,
    estimates_as_scores,
    fit_additive,
    operation_estimates,
)
from opscore.analysis.exact import permutation_p_value, sign_flip_test
from opscore.analysis.intervals import edge_interval, over_seeds, seed_interval
from opscore.analysis.multiple import holm, with_holm
from opscore.analysis.selection import Selection

if TYPE_CHECKING:
    from opscore.analysis.figures import correlation_bars, correlation_lines, correlation_matrix
    from opscore.answers.style import save_figure

_DRAWING = ("correlation_bars", "correlation_lines", "correlation_matrix")


def __getattr__(name: str) -> Any:
    if name == "save_figure":
        from opscore.answers.style import save_figure

        return save_figure
    if name not in _DRAWING:
        raise AttributeError(f"module 'opscore.analysis' has no attribute '{name}'")
    from opscore.analysis import figures

    return getattr(figures, name)


__all__ = [
    "BARS",
    "HINDSIGHT",
    "AdditiveModel",
    "Correlation",
    "Selection",
    "agreement_between_trainings",
    "agreement_of_halves",
    "agreement_of_kinds",
    "correlation_bars",
    "correlation_lines",
    "correlation_matrix",
    "edge_correlations",
    "edge_interval",
    "edge_specific_agreement",
    "estimates_as_scores",
    "fit_additive",
    "holm",
    "is_bar",
    "operation_estimates",
    "over_seeds",
    "paired_differences",
    "permutation_p_value",
    "save_figure",
    "seed_interval",
    "sign_flip_test",
    "with_holm",
]
