"""The official NAS-Bench-201 and NATS-Bench files, read one architecture at a time.

Both hold, for every architecture and every length of training, the state of an ``ArchResults`` of
the package ``nas-bench-201``; that class interprets it here too. The package's constructor for a
whole file is not used: it copies the file's content, and unpickles it without restrictions.
"""

from __future__ import annotations

import bz2
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from opscore.data.layout import column_name
from opscore.data.pickles import PLAIN_GLOBALS, load_restricted, load_tensors
from opscore.errors import UserError

_SUFFIX = "pickle.pbz2"
#: Names that the files give to the lengths of training that are read.
_LENGTHS = ("less", "full", "12", "200")
#: (dataset, split) and the names that the files give to (data trained on, data evaluated on).
_EVALUATIONS = {
    ("cifar10", "test"): ("cifar10", "ori-test"),
    ("cifar10", "valid"): ("cifar10-valid", "x-valid"),
    ("cifar100", "test"): ("cifar100", "x-test"),
    ("cifar100", "valid"): ("cifar100", "x-valid"),
    ("imagenet16-120", "test"): ("ImageNet16-120", "x-test"),
    ("imagenet16-120", "valid"): ("ImageNet16-120", "x-valid"),
}


@dataclass
class Benchmark:
    """The content of an official file.

    Attributes:
        strings: the architectures' strings, in official order.
        infos: per index of an architecture the states of its results; taken out as they are read.
    """

    strings: list[str]
    infos: dict[int, Any] = field(repr=False)

    def accuracies(self) -> Iterator[tuple[int, dict[str, float]]]:
        """(index, percent by column) of every architecture that has results."""
        for index in sorted(self.infos):
            states = self.infos.pop(index)  # frees memory as it goes
            if isinstance(states, Path):
                states = _read_bz2(states)
            yield index, read_architecture(states)


def load_pth(path: Path) -> Benchmark:
    """The content of a ``NAS-Bench-201-v1_1-096897.pth``; UserError if it is not one."""
    trusted = [(value, f"{module}.{name}") for (module, name), value in _torch_globals()]
    return _benchmark(path, load_tensors(path, trusted))


def load_nats_file(path: Path) -> Benchmark:
    """The content of a ``NATS-tss-*.pickle.pbz2``; UserError if it is not one."""
    return _benchmark(path, _read_bz2(path))


def load_nats_folder(path: Path) -> Benchmark:
    """The content of a ``NATS-tss-*-simple`` folder; its files are read later, one by one."""
    meta = _read_bz2(path / f"meta.{_SUFFIX}")
    if not isinstance(meta, Mapping) or "meta_archs" not in meta:
        raise UserError(f"{path}/meta.{_SUFFIX} has no meta_archs: not a NATS-Bench folder")
    strings = [str(name) for name in meta["meta_archs"]]
    infos = {}
    for index in range(len(strings)):
        for name in (f"{index:06d}.{_SUFFIX}", f"{index}.{_SUFFIX}"):
            if (path / name).is_file():
                infos[index] = path / name
                break
    return Benchmark(strings, infos)


def is_nats_folder(path: Path) -> bool:
    """Whether a folder is a NATS-Bench '-simple' folder."""
    return (path / f"meta.{_SUFFIX}").is_file()


def read_architecture(states: Mapping[str, Any]) -> dict[str, float]:
    """Percent accuracy after the last epoch, by column, from one architecture's results."""
    from nas_201_api.api_utils import ArchResults

    found: dict[str, float] = {}
    for length in _LENGTHS:
        if length not in states:
            continue
        results = ArchResults.create_from_state_dict(states[length])
        for (dataset, split), (trained_on, evaluated_on) in _EVALUATIONS.items():
            for seed in results.dataset_seed.get(trained_on, ()):
                trial = results.query(trained_on, seed)
                value = trial.eval_acc1es.get(f"{evaluated_on}@{trial.epochs - 1}")
                if value is not None:
                    name = column_name(dataset, split, int(trial.epochs), f"seed{seed}")
                    found[name] = float(value)
    return found


def _benchmark(path: Path, content: Any) -> Benchmark:
    keys = ("meta_archs", "arch2infos", "evaluated_indexes")
    if not isinstance(content, Mapping) or not all(key in content for key in keys):
        raise UserError(f"{path} is not an official benchmark file: it lacks {', '.join(keys)}")
    strings = [str(name) for name in content["meta_archs"]]
    evaluated = {int(index) for index in content["evaluated_indexes"]}
    infos = {int(i): states for i, states in content["arch2infos"].items() if int(i) in evaluated}
    return Benchmark(strings, infos)


def _read_bz2(path: Path) -> Any:
    try:
        with bz2.open(path, "rb") as file:
            return load_restricted(file, PLAIN_GLOBALS)
    except UserError as error:
        raise UserError(f"{path}: {error}") from None
    except (OSError, EOFError) as error:
        raise UserError(f"{path} is not a whole bzip2 file ({error})") from None


def _torch_globals() -> list[tuple[tuple[str, str], Any]]:
    """What torch may load: our plain globals, and the classes that NumPy's dtypes have."""
    import numpy as np

    kinds = {type(np.dtype(name)) for name in ("f4", "f8", "i4", "i8", "?", "U1")}
    return [
        *PLAIN_GLOBALS.items(),
        *(((kind.__module__, kind.__name__), kind) for kind in kinds),
    ]
