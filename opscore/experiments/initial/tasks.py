"""The same scores against every truth that a space has: one table for all of its tasks.

Scores of operations depend on no truth but for those of policies that know it. These are made for
each task (:func:`truth_scores`); all else follows from the two tables (:func:`task_correlations`).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import pandas as pd

from opscore import schema
from opscore.analysis import Correlation
from opscore.analysis.stages import scores_of_stage
from opscore.errors import UserError
from opscore.experiments import ScoringContext, score_table
from opscore.experiments.settings import truth_of
from opscore.oracles.references import USUAL
from opscore.policies import find_family, make_policy
from opscore.settings import Settings
from opscore.spaces import get_space

#: What a task is.
_TASK = {"space": "str", "dataset": "str", "split": "str"}

#: One row per task, reference and policy.
TASKS = {**_TASK, **schema.CORRELATION}

#: Scores of operations by what is known of a task: one row per task, policy, edge and operation.
TASK_SCORES = {**_TASK, **schema.SCORES}


def tasks_of(settings: Settings) -> list[str]:
    """Datasets or tasks that the space's table has whole, the settings' own first.

    At the settings' split and length of training; with ``allow_partial`` those too that lack some
    architectures. Empty where the space has no truth.
    """
    if not settings.oracle.known:
        return []
    return list(dict.fromkeys([str(settings.oracle.dataset), *truth_of(settings).tables]))


def knows_truth(policy: str) -> bool:
    """Whether a policy has other scores with another truth; not of names that are unknown here."""
    try:
        return "oracle" in find_family(policy)[0].policy.uses
    except UserError:
        return False


def truth_scores(settings: Settings, policies: Iterable[str] = USUAL) -> pd.DataFrame:
    """Scores of A_0 by policies that need no seed, on every task of the space.

    settings: resolved; split, source, reduction and length are taken from them. Returns a frame
    with columns :data:`TASK_SCORES`, without rows where the space has no truth.
    """
    space = get_space(settings.space)
    tables = []
    for task in tasks_of(settings):
        oracle = replace(settings.oracle, dataset=task)
        context = ScoringContext(replace(settings, oracle=oracle), 0)
        own = [score_table(make_policy(name, context), space, None) for name in policies]
        named = {"space": space.name, "dataset": task, "split": oracle.split}
        tables.append(pd.concat(own, ignore_index=True).assign(**named))
    return schema.table(tables, TASK_SCORES)


def task_correlations(
    scores: pd.DataFrame, truths: pd.DataFrame, *, asked: tuple[str, ...] | None = None
) -> pd.DataFrame:
    """How scores of A_0 (schema SCORES) agree with the truth of every task of the space.

    truths: what :func:`truth_scores` gives, best-acc or avg-acc among its policies; rows of
    ``scores`` by its policies and by these two are left out. asked: see
    :class:`opscore.analysis.Correlation`.

    Returns a frame with columns :data:`TASKS`, without rows where there is no truth.
    """
    initial = scores[scores["iteration"] == 0]
    tables = []
    for (name, dataset, split), known in truths.groupby(list(_TASK), sort=False):
        space = get_space(str(name))
        own = initial[~initial["policy"].isin([*USUAL, *known["policy"]])]
        rows = pd.concat([schema.conform(known, "scores"), own], ignore_index=True)
        correlation = Correlation(asked=asked, weightless=space.weightless)
        references = [reference for reference in USUAL if reference in set(known["policy"])]
        found = correlation(scores_of_stage(rows, space), references=references)
        tables.append(found.assign(space=str(name), dataset=str(dataset), split=str(split)))
    return schema.table(tables, TASKS)
