"""How scores are computed: what is said once and handed on whole, from a call to an engine."""

from __future__ import annotations

from dataclasses import dataclass
from typing import get_args

import torch

from opscore.errors import one_of
from opscore.settings import Meaning, Precision, Survivors
from opscore.supernets import SURVIVORS

MEANINGS: tuple[Meaning, ...] = get_args(Meaning)

#: Precisions, and the type of the forward pass in each; None is that of the images.
PRECISIONS: dict[Precision, torch.dtype | None] = {"full": None, "bf16": torch.bfloat16}


@dataclass(frozen=True)
class How:
    """In which meaning scores are computed, by which way, and in which precision.

    UserError for a word that is not known.

    Attributes:
        meaning: 'faithful' or 'clean'.
        fast: whether an engine may be used; without one each state is a run of the plain modules.
        precision: of the fast path; one but 'full' has no other way.
        survivors: what the operations weigh that are left on an edge which lost others
            (:data:`opscore.supernets.Survivors`); None is each proxy's own way.
    """

    meaning: Meaning = "faithful"
    fast: bool = True
    precision: Precision = "full"
    survivors: Survivors | None = None

    def __post_init__(self) -> None:
        one_of("meaning", self.meaning, MEANINGS)
        one_of("precision", self.precision, PRECISIONS)
        if self.survivors is not None:
            one_of("weight of survivors", self.survivors, SURVIVORS)

    @property
    def dtype(self) -> torch.dtype | None:
        """The type of the forward pass; None is that of the images."""
        return PRECISIONS[self.precision]


#: The way that made the published numbers, where nobody says otherwise.
FAITHFUL = How()
