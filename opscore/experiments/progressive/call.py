"""``opscore.progressive``: scoring along searches, over policies and seeds, in one call."""

from __future__ import annotations

from opscore import progress
from opscore.experiments import ProgressiveSettings, progressive_units
from opscore.experiments.initial.result import with_truth
from opscore.experiments.progressive.result import REFERENCE, ProgressiveResult
from opscore.isolation import isolated
from opscore.runs.loop import complete
from opscore.settings import RunSettings, takes


@takes(ProgressiveSettings, "policies", "seeds")
@progress.shows_progress
@isolated()
def progressive(settings: ProgressiveSettings, run: RunSettings) -> ProgressiveResult:
    """Score all open edges, discretize the next one by the policy's choice, and so on to the end.

    ::

        result = opscore.progressive(["zc-pt(nwot)"], seeds=range(4))
        result.correlation()         # Spearman per iteration, as Figure 2 (right)
        result.architectures         # where the searches ended, their error and rank

    best-acc is added to the policies where the space has a truth. A run that was stopped goes on
    after its last finished iteration, and within retraining after its last epoch.

    Args:

    Raises:
        UserError: a name is unknown, a file is missing, a number is out of range.
    """
    resolved = with_truth(settings, [REFERENCE])
    units = progressive_units(resolved)
    outcomes = complete(units, run, asked=resolved)
    return ProgressiveResult.of(resolved, list(zip(units, outcomes, strict=True)))
