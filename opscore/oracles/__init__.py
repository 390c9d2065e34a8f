"""What is true: dense tables of accuracies, and best, mean and rank over the completions."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pandas as pd

from opscore.data import FILES
from opscore.errors import UserError, unknown
from opscore.oracles import nasbench201, nb1shot1
from opscore.oracles.base import ACCURACY, Metric, Oracle
from opscore.oracles.judged import Truth
from opscore.oracles.noise import OracleNoise, oracle_noise
from opscore.oracles.sampled import SampledOracle
from opscore.oracles.tables import Accuracies
from opscore.oracles.tabular import SAMPLES, load_table, sampled_sources
from opscore.registry import Registry
from opscore.settings import NO_TRUTH
from opscore.spaces import NASBENCH201, NB1SHOT1, get_space

#: A function (source, data_dir) -> all accuracies of that source.
Loader = Callable[[str, Path | None], Accuracies]

#: Loaders by the name of their space.
ORACLES: Registry[Loader] = Registry("oracle", entry_points="opscore.oracles")
ORACLES.add(NASBENCH201.name, nasbench201.load_accuracies)
for _space in NB1SHOT1:
    ORACLES.add(_space.name, partial(nb1shot1.load_accuracies, _space))
for _file in map(FILES.__getitem__, FILES):
    if _file.layout is not None and _file.layout.space not in ("", *ORACLES):
        ORACLES.add(_file.layout.space, partial(load_table, _file))


def list_oracles() -> list[str]:
    """Names of the spaces that have a table."""
    return list(ORACLES)


def has_oracle(space: str, source: str = "auto") -> bool:
    """Whether a space has a table of accuracies, or a sample of this source."""
    return space in ORACLES or (space, source) in SAMPLES


def spaces_with_truth(data_dir: Path | str | None = None) -> list[str]:
    """Names of the spaces whose table of accuracies is here."""
    found = []
    for space in list_oracles():
        try:
            load_accuracies(space, data_dir=data_dir)
        except UserError:  # its file is missing
            continue
        found.append(space)
    return found


def load_accuracies(
    space: str, source: str = "auto", data_dir: Path | str | None = None
) -> Accuracies:
    """Everything that a source has.

    UserError when the space has no table, or its file is missing.
    """
    folder = None if data_dir is None else Path(data_dir)
    if (space, source) in SAMPLES:
        return SAMPLES[space, source](folder)
    if not has_oracle(space):
        get_space(space)  # says that there is no such space
        samples = sampled_sources(space)
        if samples and source != "auto":
            raise unknown("oracle source", source, samples)
        raise UserError(
            f"space '{space}' has no table of accuracies"
            + (f", only samples: --oracle-source {', '.join(samples)}" if samples else "")
            + f"; those that have one: {', '.join(list_oracles())}"
        )
    return ORACLES[space](source, folder)


def load_oracle(
    space: str = "nasbench201",
    dataset: str | None = None,
    split: str | None = None,
    epochs: int | None = None,
    seeds: str | int | None = None,
    source: str = "auto",
    data_dir: Path | str | None = None,
    *,
    allow_partial: bool = False,
) -> Oracle:
    """The truth of a space; what is None is the table's own default.

    Args:
        space: name of the space.
        dataset: a dataset or task of the table: on NAS-Bench-201 'cifar10' (default), 'cifar100'
            or 'imagenet16-120'.
        split: 'test' (on NAS-Bench-201 the default, as published) or 'valid' (Eq. 1 literally).
        epochs: length of the trainings, on NAS-Bench-201 200 (default) or 12.
        seeds: 'max' (default, as published), 'mean', or the index of one training.
        source: 'auto' (the best that is found), or a name that the space's loader knows.
        data_dir: where files are looked for first.
        allow_partial: leave out architectures that the table lacks.

    Raises:
        UserError: there is no such table, and the message lists what there is; or it lacks
            architectures.
    """
    accuracies = load_accuracies(space, source, data_dir)
    key = accuracies.resolve(dataset, split, epochs)
    return accuracies.oracle(get_space(space), key, seeds, allow_partial=allow_partial)


def load_oracles(
    space: str = "nasbench201",
    split: str | None = None,
    epochs: int | None = None,
    source: str = "auto",
    data_dir: Path | str | None = None,
    *,
    allow_partial: bool = False,
) -> dict[str, Oracle]:
    """An oracle for every dataset that the source has whole at this split and length.

    Seeds are reduced by 'mean'; split and length are the table's default where they are None.
    With ``allow_partial`` datasets count that lack some architectures. UserError when there is no
    such dataset.
    """
    accuracies = load_accuracies(space, source, data_dir)
    this = get_space(space)
    _, usual_split, usual_epochs = accuracies.resolve()
    split = split or usual_split
    if epochs is None:
        lengths = {key[2] for key in accuracies if key[1] == split}
        epochs = usual_epochs if usual_epochs in lengths else max(lengths, default=usual_epochs)
    found: dict[str, Oracle] = {}
    for key in accuracies:
        if key[1:] == (split, epochs):
            oracle = accuracies.oracle(this, key, "mean", allow_partial=True)
            if allow_partial or not oracle.n_missing:
                found[key[0]] = oracle
    if not found:
        raise UserError(
            f"no {split} accuracies of all architectures at {epochs} epochs in {accuracies.source}"
        )
    return found


def load_truth(
    space: str = "nasbench201",
    split: str | None = None,
    epochs: int | None = None,
    source: str = "auto",
    data_dir: Path | str | None = None,
    *,
    allow_partial: bool = False,
) -> Truth:
    """What says how good the architectures of a space are; see :class:`Truth`.

    The arguments are those of :func:`load_oracles`. A space that has no table, and source 'none',
    give a truth that knows nothing.
    """
    if source == NO_TRUTH or not has_oracle(space, source):
        return Truth(get_space(space), {})
    tables = load_oracles(space, split, epochs, source, data_dir, allow_partial=allow_partial)
    return Truth(get_space(space), tables)


def available_oracles(
    space: str = "nasbench201", data_dir: Path | str | None = None, source: str = "auto"
) -> pd.DataFrame:
    """What a source has.

    Returns:
        A frame, one row per table: dataset, split, epochs, trials (the most trainings of an
        architecture), architectures (how many have an accuracy), note (what one value is, where
        it is not one training), source.
    """
    accuracies = load_accuracies(space, source, data_dir)
    return pd.DataFrame(
        {
            "dataset": key[0],
            "split": key[1],
            "epochs": key[2],
            "trials": accuracies.arrays[key].shape[-1],
            "architectures": accuracies.n_known(key),
            "note": accuracies.notes.get(key, ""),
            "source": accuracies.source,
        }
        for key in accuracies
    )


__all__ = [
    "ACCURACY",
    "NO_TRUTH",
    "ORACLES",
    "Accuracies",
    "Loader",
    "Metric",
    "Oracle",
    "OracleNoise",
    "SampledOracle",
    "Truth",
    "available_oracles",
    "has_oracle",
    "list_oracles",
    "load_accuracies",
    "load_oracle",
    "load_oracles",
    "load_truth",
    "oracle_noise",
    "sampled_sources",
    "spaces_with_truth",
]
