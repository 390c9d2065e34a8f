"""The truths that are here, to look up what was found and to know which truth runs were given."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from opscore.errors import UserError
from opscore.oracles import Oracle, has_oracle, load_accuracies, load_oracles
from opscore.published import Setting
from opscore.spaces import get_space


class Truths:
    """The truths of a data folder.

    Args:
        data_dir: where tables are looked for first.
    """

    def __init__(self, data_dir: Path | None = None) -> None:
        self._data_dir = data_dir
        self.of_space = cache(self._of_space)

    def _of_space(self, space: str) -> dict[str, Oracle]:
        """The truth of each dataset of a space; empty where none is here."""
        if not has_oracle(space):
            return {}
        try:
            return load_oracles(space, data_dir=self._data_dir, allow_partial=True)
        except UserError:
            return {}

    def given(self, space: str, key: Mapping[str, Any]) -> Oracle | None:
        """The truth that a key's 'oracle' stands for; None when it is not here.

        key: accuracies, the hash of the content; and seeds, how trainings are reduced.
        """
        if not has_oracle(space):
            return None
        for source in ("auto", "anb"):
            try:
                found = load_accuracies(space, source, self._data_dir)
                for each in found:
                    one = found.oracle(get_space(space), each, key.get("seeds"), allow_partial=True)
                    if one.content == key.get("accuracies"):
                        return one
            except UserError:  # no such source, or no such way to reduce trainings
                continue
        return None


def setting_of(oracle: Oracle) -> Setting:
    """Space and truth of measurements, which published ones must be of to stand beside them."""
    return Setting(oracle.space.name, oracle.dataset, oracle.split)
