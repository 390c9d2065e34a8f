"""What scoring one state gives: a number, or the reason why there is none."""

from __future__ import annotations

import math
from dataclasses import dataclass

OK = "ok"


@dataclass(frozen=True)
class Score:
    """One number, or the reason why there is none.

    Attributes:
        value: the number; NaN unless ``status`` is 'ok'.
        status: 'ok', or what went wrong.
        seconds: wall time spent on it.
    """

    value: float
    status: str = OK
    seconds: float = math.nan

    @classmethod
    def of(cls, value: float, seconds: float = math.nan, undefined: str = "") -> Score:
        """A score of this value; a NaN or an infinity is a failure, never a number.

        undefined: what an infinite value or NaN means, for the status.
        """
        if math.isfinite(value):
            return cls(float(value), OK, seconds)
        why = f": {undefined}" if undefined else ""
        return cls(math.nan, f"not finite ({value}){why}", seconds)
