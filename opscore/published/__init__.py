"""What the paper and its authors published, as data with its source."""

from opscore.published.compare import (
    MEASURED,
    published_correlations,
    published_initial,
    side_by_side,
)
from opscore.published.paper import (
    PAPER,
    Setting,
    correlation_matrix,
    disc_acc_scores,
    other_correlations,
    other_spaces,
    progressive_correlations,
    published_progressive,
    stated_correlations,
    table1,
    table1_choices,
    table2,
    table5,
    toy_model,
)
from opscore.published.rule import (
    NOTHING,
    Made,
    Published,
    differences,
    published_error,
    published_pick,
)

__all__ = [
    "MEASURED",
    "NOTHING",
    "PAPER",
    "Made",
    "Published",
    "Setting",
    "correlation_matrix",
    "differences",
    "disc_acc_scores",
    "other_correlations",
    "other_spaces",
    "progressive_correlations",
    "published_correlations",
    "published_error",
    "published_initial",
    "published_pick",
    "published_progressive",
    "side_by_side",
    "stated_correlations",
    "table1",
    "table1_choices",
    "table2",
    "table5",
    "toy_model",
]
