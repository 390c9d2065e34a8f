"""The same scores against every truth that a space has: one table for all of its tasks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pandas as pd

from opscore import schema
from opscore.analysis import Correlation
from opscore.analysis.stages import scores_of_stage
from opscore.errors import UserError
from opscore.experiments import ScoringContext, ScoringSettings, score_table
from opscore.oracles import load_oracles
from opscore.policies import find_family, make_policy
from opscore.spaces import get_space

#: What scores are compared with on each task.
REFERENCES = ("best-acc", "avg-acc")

#: One row per task, reference and policy.
TASKS = {"space": "str", "dataset": "str", "split": "str", **schema.CORRELATION}


def tasks_of(settings: ScoringSettings) -> list[str]:
    """Datasets or tasks that the space's table has whole, the settings' own first.

    At the settings' split and length of training; with ``allow_partial`` those too that lack some
    architectures. Empty where the space has no truth.
    """
    truth = settings.oracle
    if not truth.known:
        return []
    found = load_oracles(
        settings.space,
        truth.split,
        truth.epochs,
        truth.source,
        settings.data_dir,
        allow_partial=truth.allow_partial,
    )
    return list(dict.fromkeys([str(truth.dataset), *found]))


def _knows_truth(policy: str) -> bool:
    """Whether a policy's scores are another task's with another truth; not of unknown names."""
    try:
        return "oracle" in find_family(policy)[0].policy.uses
    except UserError:
        return False


def task_correlations(
    scores: pd.DataFrame,
    settings: ScoringSettings,
    references: Sequence[str] = REFERENCES,
    *,
    asked: tuple[str, ...] | None = None,
) -> pd.DataFrame:
    """How scores of A_0 agree with the truth of every task of the space.

    Scores depend on no truth, so one table of them answers for all tasks.

    Args:
        scores: a score table (schema SCORES); rows of policies that know the truth, such as the
            best fixed order in hindsight, are made anew for each task.
        settings: resolved settings; split, source, reduction and length are taken from them.
        references: policies that know the truth.
        asked: the policies whose tests are a family, see :class:`opscore.analysis.Correlation`.

    Returns:
        A frame with columns :data:`TASKS`, without rows where the space has no truth.
    """
    space = get_space(settings.space)
    initial = scores[scores["iteration"] == 0]
    names = dict.fromkeys([*references, *(str(name) for name in initial["policy"])])
    knowing = [name for name in names if name in references or _knows_truth(name)]
    own = initial[~initial["policy"].isin(knowing)]
    tables = []
    for task in tasks_of(settings):
        oracle = replace(settings.oracle, dataset=task)
        context = ScoringContext(replace(settings, oracle=oracle), 0)
        truths = [score_table(make_policy(name, context), space, None) for name in knowing]
        rows = scores_of_stage(pd.concat([*truths, own], ignore_index=True), space)
        correlation = Correlation(asked=asked, weightless=space.weightless)
        found = correlation(rows, references=list(references))
        tables.append(found.assign(space=space.name, dataset=task, split=oracle.split))
    if not tables:
        return pd.DataFrame({name: [] for name in TASKS}).astype(TASKS)
    return pd.concat(tables, ignore_index=True)[list(TASKS)].astype(TASKS)
