"""The paper's own numbers, as data with their source, to be set beside measured ones.

Every frame has a ``source`` column: the place in the paper (Xiang et al., AAAI 2023), or the
notebook in the authors' repository (zerocostptnas/zerocost_operation_score, commit 48f48c9).
Errors are test errors in percent.

A published number belongs to a space and to a truth (:class:`Setting`): functions that set it
beside a measurement ask for the measurement's own, and give nothing for any other.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from importlib import resources

import pandas as pd

from opscore.spaces import DEFAULT_SPACE


@dataclass(frozen=True)
class Setting:
    """Space and truth that a correlation is of.

    Attributes:
        space: name of the search space.
        dataset: whose accuracy the truth is.
        split: 'test' or 'valid'.
        retrained: whether it is not the benchmark's own table, but of its networks trained again.
    """

    space: str = DEFAULT_SPACE
    dataset: str = "cifar10"
    split: str = "test"
    retrained: bool = False


#: What all tables of the paper are of, and the correlations that name no other space.
PAPER = Setting()

_NOTEBOOK = "authors' notebook op_strength.ipynb, mean over 6 edges"


def table1() -> pd.DataFrame:
    """Table 1: the architecture that each policy picks edge by edge.

    Returns:
        A frame with columns policy, error (percent, CIFAR-10), rank (of 15,625), source.
    """
    return _table("table1", "paper, Table 1")


def table2() -> pd.DataFrame:
    """Table 2: Zero-Cost-PT with several proxies, and baselines.

    Returns:
        A frame with columns group, method, then error and standard deviation over four seeds for
        cifar10, cifar100 and imagenet16 (``cifar10``, ``cifar10_std``, ...), source.
    """
    return _table("table2", "paper, Table 2")


def table5() -> pd.DataFrame:
    """Table 5: Zero-Cost-PT (nwot, N=10, V=100) with several edge orders.

    Returns:
        A frame with columns order, perturbations (their number, as a formula), then error and
        standard deviation as in :func:`table2`, source.
    """
    return _table("table5", "paper, Table 5")


def trained(number: int) -> pd.DataFrame:
    """Table 3, 4, 6 or 7: networks that were trained to the end.

    Where a text and its table disagree, as for max-param-random (2.93 +- 0.23, best 2.78 in section
    5.2), the table's numbers stand.

    Returns:
        A frame with columns method, proposals and validation (N and V where the row says them),
        error (percent, a mean over four seeds in the authors' rows; top-1 on ImageNet), error_std,
        best, top5, top5_std, params (millions), gpu_days, genotypes (the names of the authors'
        genotypes where they were published, ``{}`` stands for the seed), source.
    """
    every = _read("trained")
    own = every[every["table"] == number].drop(columns="table").reset_index(drop=True)
    return own.assign(source=f"paper, Table {number}")


def stated_correlations() -> pd.DataFrame:
    """The correlations that the paper's text gives in numbers (section 3.2).

    Returns:
        A frame with columns policy, reference, iteration, rho (two digits at most), source.
    """
    return _table("stated_correlations", "paper, section 3.2, text")


def correlation_matrix() -> pd.DataFrame:
    """Figure 2 (left) in numbers, from the notebook that drew it.

    Returns:
        A frame with columns policy, reference, rho (three digits), source; one row per ordered
        pair of different policies. ``darts`` is alpha at epoch 60, as in the figure.
    """
    square = _read("correlation_matrix")
    long = square.melt(id_vars="policy", var_name="reference", value_name="rho")
    long = long[long["policy"] != long["reference"]].reset_index(drop=True)
    return long.assign(source=f"Figure 2 (left); {_NOTEBOOK}")


def other_correlations() -> pd.DataFrame:
    """Correlations of score rows that Figure 2 does not show, from the same notebook and sheet.

    Returns:
        A frame with columns policy, reference, rho (three digits), source.
    """
    return _table("other_correlations", _NOTEBOOK)


def progressive_correlations() -> pd.DataFrame:
    """Figure 2 (right) in numbers: progressive scores against the initial best-acc.

    Returns:
        A frame with columns policy, iteration, rho (mean over seeds), std (sample standard
        deviation over seeds; missing for one seed), n_seeds, source. ``disc-acc`` is retrained for
        25 epochs, as drawn; ``tenas`` and the reruns are in the logs but not in the figure.
    """
    return _table("progressive", "Figure 2 (right); authors' logs and notebook")


def disc_acc_scores() -> pd.DataFrame:
    """Initial disc-acc scores after 5 epochs of retraining: supernet accuracies in percent.

    The authors' notebook uses seed 1 of these for Figure 2 (left) and Table 1 in place of the row
    in their score sheet.

    Returns:
        A frame with columns seed, edge, op, score, source.
    """
    wide = _read("disc_acc")
    long = wide.melt(id_vars=["seed", "edge"], var_name="op", value_name="score")
    return long.assign(source="authors' notebooks parse_log_iterative.ipynb, op_strength.ipynb")


def table1_choices() -> pd.DataFrame:
    """The operations behind Table 1: what each policy picks on each edge.

    The paper gives error and rank only; these come out of the authors' score sheet, and give the
    table's errors and ranks (tenas with its tie on edge 4 broken by hand, as published).

    Returns:
        A frame with columns policy, architecture (the benchmark's string), source.
    """
    return _table("table1_choices", "authors' score sheet, strongest operation of each edge")


def toy_model() -> pd.DataFrame:
    """The toy model of section 3.2: one seed, 64 CIFAR-10 images, each rectifier counted once.

    Returns:
        A frame with columns length (edges of the chain), policy (best-nwot is the truth), rho
        (Spearman over all 4 x length scores to best-nwot), ``rank_OP`` (mean rank of the operation
        within its edge, 1 = strongest), skips (edges on which skip_connect wins), source.
    """
    return _table("toy_model", "authors' notebook toy_model.ipynb, seed 2 (paper, appendix A.4)")


def other_spaces() -> pd.DataFrame:
    """Correlations on spaces other than NAS-Bench-201, from the authors' notebooks and logs.

    Returns:
        A frame with columns space, study ('initial' or 'progressive'), policy, reference,
        iteration, rho (mean over choice blocks and seeds), std (sample standard deviation over
        seeds; missing for one seed, or where none was given), n_seeds, source. The truth is
        CIFAR-10 test accuracy.
    """
    return _table("other_spaces", "authors' notebooks and logs of the space (paper, appendix A.10)")


def published_settings() -> pd.DataFrame:
    """Settings of published numbers that are others than those of NAS-Bench-201's.

    Returns:
        A frame with columns of (a space, policy or search method), setting, value (missing where
        any will do), source.
    """
    return _table("settings", "paper, appendix; authors' code and logs")


def published_progressive(setting: Setting = PAPER) -> pd.DataFrame:
    """Published curves along searches, as :func:`progressive_correlations`, of a setting.

    Returns:
        A frame with columns policy, reference, iteration, rho, std, n_seeds, source; without rows
        for a setting of which nothing was published.
    """
    if setting == PAPER:
        return progressive_correlations().assign(reference="best-acc")
    return elsewhere(setting, "progressive")


def elsewhere(setting: Setting, study: str) -> pd.DataFrame:
    """Rows of :func:`other_spaces` for a setting and a study ('initial' or 'progressive')."""
    frame = other_spaces()
    same_truth = replace(setting, space=PAPER.space) == PAPER
    wanted = (frame["space"] == setting.space) & (frame["study"] == study) & same_truth
    return frame[wanted].reset_index(drop=True)


def _table(name: str, source: str) -> pd.DataFrame:
    return _read(name).assign(source=source)


def _read(name: str) -> pd.DataFrame:
    return _cached(name).copy()


@cache
def _cached(name: str) -> pd.DataFrame:
    with (resources.files("opscore.published") / f"{name}.csv").open("rb") as file:
        return pd.read_csv(file)
