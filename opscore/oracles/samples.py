"""Tables of some architectures of a space, which ``opscore/data/catalogue.toml`` describes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache, partial
from pathlib import Path

from opscore.data import FILES, DataFile, find, read_checked, require
from opscore.data.architectures import mean_by_architecture
from opscore.data.truths import read_truth
from opscore.oracles.noise import OracleNoise
from opscore.oracles.tables import Accuracies
from opscore.oracles.tabular import accuracies_of
from opscore.spaces import get_space


def load_sample(file: DataFile, space: str, data_dir: Path | None) -> Accuracies:
    """The accuracies of some architectures of a space, from a table.

    What is none of its architectures is left out, with a note. UserError when the file is missing
    or of another kind.
    """
    path = require(file.name, data_dir).resolve()
    return _read(file.name, space, path, path.stat().st_mtime_ns, data_dir)


@lru_cache(maxsize=8)
def _read(
    name: str, space_name: str, path: Path, modified: int, data_dir: Path | None
) -> Accuracies:
    """Read a table once for as long as it is not modified."""
    layout, space = FILES[name].layout, get_space(space_name)
    assert layout is not None
    frame = read_truth(name, path)
    rows = frame[list(layout.texts)].astype(str).to_dict("records")
    strings = [layout.string({str(column): text for column, text in row.items()}) for row in rows]
    found = mean_by_architecture(space, strings, frame[list(layout.numbers)])
    arrays = {
        (truth.dataset, truth.split, truth.epochs): found[list(truth.columns)].to_numpy()
        for truth in layout.truths
    }
    return replace(
        accuracies_of(layout, path, arrays),
        notes=dict.fromkeys(arrays, layout.note),
        sample=tuple(space.parse(str(string)) for string in found.index),
        noise=_noise(layout.noise, data_dir),
    )


def _noise(name: str, data_dir: Path | None) -> OracleNoise | None:
    """Agreement of the pairs of trainings in a file; None where there is none, or it is not here.

    The file's columns are what (of 'two seeds' where both trainings are by the same protocol),
    first and second.
    """
    if not name or find(name, data_dir) is None:
        return None
    frame = read_checked(require(name, data_dir))
    pairs = frame.loc[frame["what"].str.startswith("two seeds"), ["first", "second"]]
    return OracleNoise(
        n_repeated=len(pairs),
        std=float(pairs.std(axis=1, ddof=1).mean()),
        spearman=float(pairs["first"].corr(pairs["second"], method="spearman")),
        spearman_top=float("nan"),
        top=0,
        basis=f"two trainings of {len(pairs)} other architectures",
    )


#: Samples by space and source.
SAMPLES: dict[tuple[str, str], Callable[[Path | None], Accuracies]] = {
    (space, file.layout.source): partial(load_sample, file, space)
    for file in map(FILES.__getitem__, FILES)
    if file.layout is not None
    for space in file.layout.sample_of
}


def sampled_sources(space: str) -> list[str]:
    """The sources of a space that are samples."""
    return [source for name, source in SAMPLES if name == space]
