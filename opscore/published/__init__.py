"""What the paper and its authors published, as data with its source, and the replay of it."""

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
from opscore.published.replay import (
    initial_scores,
    progressive_scores,
    replay_figure2,
    replay_progressive,
    replay_table1,
)

__all__ = [
    "PAPER",
    "Setting",
    "correlation_matrix",
    "disc_acc_scores",
    "initial_scores",
    "other_correlations",
    "other_spaces",
    "progressive_correlations",
    "progressive_scores",
    "published_correlations",
    "published_initial",
    "published_progressive",
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
