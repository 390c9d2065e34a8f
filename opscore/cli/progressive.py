"""``opscore progressive``: score, discretize one edge, and so on to an architecture."""

from __future__ import annotations

from opscore.answers import Answer
from opscore.cli.common import say_if_no_truth
from opscore.cli.options import Runs
from opscore.cli.present import answering
from opscore.settings import ProgressiveSettings


@answering(saves=True, doing="scoring")
def progressive(settings: ProgressiveSettings, run: Runs) -> Answer:
    """Score all open edges, discretize the next one, and go on (Figure 2, right)."""
    from opscore.experiments.progressive.result import progressive as run_progressive

    say_if_no_truth(settings)
    found: Answer = run_progressive(settings, **run.calls)
    return found
