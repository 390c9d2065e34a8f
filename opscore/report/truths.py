"""The truths that are here: of the runs that were given one, and to judge what others found."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from opscore.errors import UserError
from opscore.experiments import OracleSettings, Settings
from opscore.experiments.settings import truth_of
from opscore.oracles import NO_TRUTH, Oracle, Truth, has_oracle, load_accuracies
from opscore.published import Setting
from opscore.spaces import get_space


class Truths:
    """The truths of a data folder.

    Attributes:
        data_dir: where tables are looked for first.
    """

    def __init__(self, data_dir: Path | None = None) -> None:
        self.data_dir = data_dir

    def given(self, space: str, key: Any) -> tuple[OracleSettings, Oracle] | None:
        """The truth that a key's 'oracle' stands for; None when it is not here.

        key: accuracies, the hash of the content; and seeds, how trainings are reduced.
        """
        if not has_oracle(space) or not isinstance(key, Mapping):
            return None
        for settings, oracle in self._all(space, key.get("seeds")):
            if oracle.content == key.get("accuracies"):
                return settings, oracle
        return None

    def judging(self, space: str, key: Any) -> OracleSettings:
        """Which table errors and ranks are of: the one that runs were given, or the default's.

        Tables that lack architectures are taken where there is no whole one.

        Args:
            space: the space's name.
            key: as for :meth:`given`; None where the runs depend on no truth.
        """
        given = self.given(space, key)
        asked = OracleSettings() if given is None else given[0]
        for settings in (asked, replace(asked, allow_partial=True)):
            try:
                self.truth(space, settings)
            except UserError:  # no such table, or none that is whole
                continue
            return settings
        return OracleSettings(source=NO_TRUTH)

    def truth(self, space: str, settings: OracleSettings) -> Truth:
        """What says how good architectures are, by such settings."""
        return truth_of(Settings(space=space, oracle=settings, data_dir=self.data_dir))

    def _all(self, space: str, seeds: str | int | None) -> Iterator[tuple[OracleSettings, Oracle]]:
        """Every truth of a space that is here."""
        for source in ("auto", "anb"):
            try:
                found = load_accuracies(space, source, self.data_dir)
                for key in found:
                    oracle = found.oracle(get_space(space), key, seeds, allow_partial=True)
                    yield OracleSettings(*key, seeds, source), oracle
            except UserError:  # no such source, or no such way to reduce trainings
                continue


def setting_of(oracle: Oracle) -> Setting:
    """Space and truth of measurements, which published ones must be of to stand beside them."""
    return Setting(oracle.space.name, oracle.dataset, oracle.split, oracle.retrained)
