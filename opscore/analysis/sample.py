"""What a sample of trained architectures says of operations, and how far it can be trusted."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pandas as pd

from opscore.analysis.estimates import (
    AdditiveModel,
    agreement_of_kinds,
    estimates_table,
    fit_additive,
    operation_estimates,
)
from opscore.answers import Answer, Table
from opscore.answers.words import number
from opscore.oracles import SampledOracle


@dataclass(frozen=True, repr=False)
class SampleJudged(Answer):
    """A sampled truth as an answer.

    Attributes:
        truth: the sample.
    """

    truth: SampledOracle

    @cached_property
    def estimates(self) -> pd.DataFrame:
        """See :func:`opscore.operation_estimates`."""
        return operation_estimates(self.truth.space.name, self.truth.accuracies)

    @cached_property
    def halves(self) -> dict[str, float]:
        """By kind of edges, how far two halves of the sample agree."""
        return agreement_of_kinds(self.truth.space.name, self.truth.accuracies)

    @cached_property
    def model(self) -> AdditiveModel:
        """What each operation of each edge adds."""
        return fit_additive(self.truth.space.name, self.truth.accuracies)

    def tables(self) -> list[Table]:
        """What operations of each kind of edges are worth."""
        return [estimates_table(self.estimates, self.halves)]

    def lines(self) -> list[str]:
        """What the sum is worth."""
        deviation = float(self.truth.accuracies.std())
        return [
            f"sum of what each operation of each edge adds (ridge): {self.model.error:.2f} points "
            f"from an architecture that is left out, by a Spearman of {self.model.spearman:.2f}; "
            f"the sample's deviation is {deviation:.2f}"
        ]

    def notes(self) -> list[str]:
        """What the numbers rest on."""
        return self.truth.notes()

    def payload(self) -> dict[str, Any]:
        """The estimates, the truth's own table, and how far they can be trusted."""
        model = self.model
        return {
            **self.truth.payload(),
            "estimates": self.estimates,
            "agreement_of_halves": self.halves,
            "model": {
                "n_architectures": model.n,
                "penalty": model.penalty,
                "error": model.error,
                "spearman": model.spearman,
            },
        }

    def place(self, architecture: str) -> dict[str, Any]:
        """Where an architecture lies in the sample, by its accuracy or else by what is expected.

        Keys architecture (its string), accuracy (None where it is not in the sample), expected
        (by the sum), rank (1 + how many of the sample are better), of.
        """
        truth, space = self.truth, self.truth.space
        state = space.canonical(space.parse(architecture))
        accuracy = truth.accuracy(state) if truth.knows(state) else None
        expected = self.model.predict(state)
        better = truth.places > (expected if accuracy is None else accuracy)
        return {
            "architecture": space.format(state),
            "accuracy": accuracy,
            "expected": expected,
            "rank": 1 + int(better.sum()),
            "of": truth.n_places,
        }


def place_text(place: dict[str, Any]) -> str:
    """The same as a line."""
    known = "" if place["accuracy"] is None else f"accuracy {number(place['accuracy'], '.2f')}, "
    return (
        f"{place['architecture']}: {known}expected by the sum {number(place['expected'], '.2f')}; "
        f"place {place['rank']:,} of {place['of']:,}"
    )
