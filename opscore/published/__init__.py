"""What the paper and its authors published, as data with its source."""

from opscore.published.compare import published_correlations, side_by_side
from opscore.published.paper import (
    PAPER,
    Setting,
    correlation_matrix,
    disc_acc_scores,
    other_correlations,
    other_spaces,
    progressive_correlations,
    published_initial,
    published_progressive,
    stated_correlations,
    table1,
    table1_choices,
    table2,
    table5,
    toy_model,
)

__all__ = [
    "PAPER",
    "Setting",
    "correlation_matrix",
    "disc_acc_scores",
    "other_correlations",
    "other_spaces",
    "progressive_correlations",
    "published_correlations",
    "published_initial",
    "published_progressive",
    "side_by_side",
    "stated_correlations",
    "table1",
    "table1_choices",
    "table2",
    "table5",
    "toy_model",
]
