"""What the paper and its authors published, as data with its source, and the replay of it."""

from opscore.published.compare import published_correlations, side_by_side
from opscore.published.paper import (
    correlation_matrix,
    disc_acc_scores,
    other_correlations,
    progressive_correlations,
    published_initial,
    stated_correlations,
    table1,
    table1_choices,
    table2,
    table5,
    toy_model,
)
from opscore.published.replay import (
    initial_scores,
    progressive_scores,
    replay_figure2,
    replay_progressive,
    replay_table1,
)

__all__ = [
    "correlation_matrix",
    "disc_acc_scores",
    "initial_scores",
    "other_correlations",
    "progressive_correlations",
    "progressive_scores",
    "published_correlations",
    "published_initial",
    "replay_figure2",
    "replay_progressive",
    "replay_table1",
    "side_by_side",
    "stated_correlations",
    "table1",
    "table1_choices",
    "table2",
    "table5",
    "toy_model",
]
