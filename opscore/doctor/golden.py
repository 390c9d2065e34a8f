"""Ten scores whose values are known: how far this machine and its framework are off.

What differs between machines is the order of sums, so that scores agree to some digits; another
version of torch may draw other weights, and then nothing agrees. ``l2_norm`` looks at the weights
alone and tells the two apart.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from importlib import resources

import pandas as pd

from opscore.doctor.checks import Check

#: The largest relative difference that rounding explains. Between one thread and two, and with and
#: without oneDNN, the ten differ by 2e-5 at most.
TOLERANCE = 1e-3

#: What a score is of, and its value where the file was made (scripts/golden.py).
COLUMNS = {
    "space": "str",
    "proxy": "str",
    "seed": "int64",
    "batch_size": "int64",
    "value": "float64",
}

#: Where the values are.
FILE = resources.files("opscore.doctor") / "golden.csv"


def value_of(space: str, proxy: str, seed: int, batch_size: int, device: str = "cpu") -> float:
    """The score of the smallest whole supernet of a space, on noise."""
    from opscore.proxies import get_proxy
    from opscore.supernets import build_supernet, images_for

    supernet = build_supernet(space, "smoke", seed=seed).to(device)
    images = images_for(space, "noise", size="smoke").minibatch(batch_size, seed, "golden")
    states = [supernet.space.initial_state()]
    return get_proxy(proxy).scores(supernet, states, images.to(device))[0].value


def golden_scores(device: str = "cpu") -> pd.DataFrame:
    """The known scores computed again: columns :data:`COLUMNS`, here, difference, tolerance.

    The difference is relative to the known value.
    """
    with FILE.open(encoding="utf-8") as file:
        known = pd.read_csv(file, dtype=COLUMNS)
    here = [
        value_of(space, proxy, seed, batch_size, device)
        for space, proxy, seed, batch_size, _ in known.itertuples(index=False)
    ]
    found = known.assign(here=here)
    off = (found["here"] - found["value"]).abs() / found["value"].abs()
    return found.assign(difference=off, tolerance=TOLERANCE)


def golden_checks(found: pd.DataFrame) -> Iterator[Check]:
    """A finding for each of these scores."""
    for row in found.to_dict("records"):
        off = float(row["difference"])
        numbers = f"{row['here']:.9g}, known {row['value']:.9g}"
        detail = f"{numbers}: off by {off:.1e} (rounding: up to {TOLERANCE:g})"
        name = f"{row['proxy']}, {row['space']}"
        if off <= TOLERANCE:
            yield Check("golden scores", name, "ok", detail)
        else:  # also where there is no value
            yield Check("golden scores", name, "warning", detail, _remedy(row["proxy"], off))


def _remedy(proxy: str, off: float) -> str:
    if proxy == "l2_norm" and not math.isnan(off):
        return "other weights are drawn: numbers differ from those that were published with opscore"
    return "compare versions with constraints.txt; scores are not those of other machines"
