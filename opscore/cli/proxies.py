"""``opscore proxies``: the zero-cost proxies, and a check of them against published values."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from opscore.cli.common import DataDirOption, JsonOption, QuietOption, console, print_json

if TYPE_CHECKING:
    import pandas as pd

    from opscore.proxies import Proxy

app = typer.Typer(help="List the zero-cost proxies; 'check' compares them with published values.")

#: Values that others published for NAS-Bench-201 (NASLib, NAS-Bench-Suite-Zero).
PUBLISHED = "nb201_zeroproxies_sample725.parquet"

#: Our name, the published column, and the Spearman that is asked for. grasp, plain and epe_nas
#: hardly agree between two published draws of the same networks, so nothing is asked of them.
COMPARED: tuple[tuple[str, str, float | None], ...] = (
    ("params", "params", 0.99),
    ("flops", "flops", 0.99),
    ("synflow", "synflow", 0.99),
    ("nwot (train mode)", "nwot", 0.97),
    ("snip", "snip", 0.95),
    ("grad_norm", "grad_norm", 0.95),
    ("fisher", "fisher", 0.95),
    ("jacob_cov", "jacov", 0.90),
    ("l2_norm", "l2_norm", 0.90),
    ("epe_nas", "epe_nas", None),
    ("grasp", "grasp", None),
    ("plain", "plain", None),
)

#: A failed proxy was published as a large negative number.
_FAILED_BELOW = -1e7

_COST_BATCH = 16


@app.callback(invoke_without_command=True)
def proxies(
    context: typer.Context,
    cost: Annotated[
        bool, typer.Option(help="Also measure the seconds that a score takes (a few seconds).")
    ] = True,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """List the zero-cost proxies: sign, mode, needs, source and measured cost."""
    if context.invoked_subcommand is not None:
        return
    from opscore.proxies import get_proxy, list_proxies

    found = [get_proxy(name) for name in list_proxies()]
    rows = [_describe(proxy) for proxy in found]
    if cost:
        for row, seconds in zip(rows, _costs(found, quiet=quiet or as_json), strict=True):
            row["seconds"] = seconds
    if as_json:
        print_json({"proxies": rows, "combinations": _combinations()})
        return
    table = Table("proxy", "better", "mode", "needs", "source", *(["seconds"] if cost else []))
    for row in rows:
        better = "larger" if row["higher_is_better"] else "smaller"
        cells = [row["proxy"], better, row["mode"], ", ".join(row["needs"]), row["source"]]
        table.add_row(*cells, *([f"{row['seconds']:.2f}"] if cost else []))
    console.print(table)
    if cost:
        console.print(
            f"seconds: one score of the whole supernet at size 'cpu', {_COST_BATCH} images.",
            style="dim",
        )
    names = "vote(P1,P2,...), rank-mean(P1,P2,...); tenas is rank-mean(ntk,linear_regions)"
    console.print(f"Combinations, for zc-pt and disc-zc: {names}.", style="dim", highlight=False)


@app.command()
def check(
    count: Annotated[int, typer.Option(help="Architectures, first ones of the file.")] = 200,
    size: Annotated[str, typer.Option(help="Of the networks; published: paper.")] = "paper",
    batch_size: Annotated[int, typer.Option(help="Images; published: probably 32.")] = 32,
    seed: Annotated[int, typer.Option(help="Of weights and images.")] = 0,
    store: Annotated[
        Path, typer.Option(help="File that keeps finished values; a stopped run goes on from it.")
    ] = Path("runs/proxies-check.parquet"),
    as_json: JsonOption = False,
    quiet: QuietOption = False,
    data_dir: DataDirOption = None,
) -> None:
    """Compare values with those that others published for the same architectures.

    Exit code 1 when a proxy agrees less than is asked of it.
    """
    import pandas as pd

    from opscore.data import require
    from opscore.experiments.evaluate import evaluate_proxies
    from opscore.progress import shown

    published = pd.read_parquet(require(PUBLISHED, data_dir)).query("dataset == 'cifar10'")
    published = published.drop_duplicates("arch_str").set_index("arch_str")[:count]
    with shown("scoring architectures", quiet=quiet or as_json):
        values = evaluate_proxies(
            "nasbench201",
            published.index.tolist(),
            [_compared_proxy(name) for name, _, _ in COMPARED],
            size=size,
            images="cifar10",
            batch_size=batch_size,
            seed=seed,
            data_dir=data_dir,
            store=store,
        )
    rows = compare(values, published)
    if as_json:
        settings = {"size": size, "batch_size": batch_size, "seed": seed, "published": PUBLISHED}
        print_json({"check": rows, "settings": settings})
    else:
        console.print(_check_table(rows))
    if any(row["agrees"] is False for row in rows):
        raise typer.Exit(1)


def compare(values: pd.DataFrame, published: pd.DataFrame) -> list[dict[str, Any]]:
    """One row per proxy: Spearman between our values and the published ones, with its interval.

    Args:
        values: what ``evaluate_proxies`` returned.
        published: published columns, by architecture.
    """
    import numpy as np

    from opscore.experiments.evaluate import RankCorrelation

    # pivot_table would average duplicates; pivot refuses them.
    ours = values.pivot(index="architecture", columns="proxy", values="value")  # noqa: PD010
    theirs = published.reindex(ours.index)
    seconds = values.groupby("proxy")["seconds"].mean()
    rows = []
    for name, column, asked in COMPARED:
        x, y = ours[name].to_numpy(float), theirs[column].to_numpy(float)
        good = np.isfinite(x) & np.isfinite(y) & (y > _FAILED_BELOW)
        found = RankCorrelation(n_bootstrap=500)(x[good], y[good])
        rows.append(
            {
                "proxy": name,
                "published": column,
                "n": int(good.sum()),
                "n_excluded": int((~good).sum()),
                "spearman": found["spearman"],
                "ci_low": found["spearman_low"],
                "ci_high": found["spearman_high"],
                "asked": asked,
                "agrees": None if asked is None else bool(found["spearman"] >= asked),
                "seconds": float(seconds[name]),
            }
        )
    return rows


def _compared_proxy(name: str) -> Proxy:
    """A proxy; the published nwot values are those of train mode, with every rectifier once."""
    from opscore.proxies import get_proxy
    from opscore.proxies.nwot import clean_nwot

    if name != "nwot (train mode)":
        return get_proxy(name)
    return get_proxy("nwot").variant(name=name, mode="train", function=clean_nwot, clean=None)


def _check_table(rows: list[dict[str, Any]]) -> Table:
    table = Table("proxy", "Spearman", "95 % interval", "asked", "n", "left out", "seconds")
    for row in rows:
        asked = "-" if row["asked"] is None else f"{row['asked']:.2f}"
        style = "red" if row["agrees"] is False else None
        table.add_row(
            row["proxy"],
            f"{row['spearman']:.3f}",
            f"{row['ci_low']:.3f} to {row['ci_high']:.3f}",
            asked,
            str(row["n"]),
            str(row["n_excluded"]),
            f"{row['seconds']:.2f}",
            style=style,
        )
    return table


def _describe(proxy: Proxy) -> dict[str, Any]:
    return {
        "proxy": proxy.name,
        "higher_is_better": proxy.higher_is_better,
        "mode": proxy.mode,
        "needs": sorted(proxy.needs),
        "source": proxy.source,
        "meanings_differ": proxy.clean is not None or proxy.survivors != "theta",
    }


def _combinations() -> list[str]:
    from opscore.proxies import ALIASES, COMBINATIONS

    return [*(f"{name}(P1,P2,...)" for name in COMBINATIONS), *ALIASES]


def _costs(found: list[Proxy], *, quiet: bool) -> list[float]:
    """Seconds for one score of a whole supernet of each proxy."""
    from opscore.images import NoiseImages
    from opscore.progress import each, shown, unit
    from opscore.supernets import build_supernet

    supernet = build_supernet(size="cpu")
    states = [supernet.space.initial_state()]
    batch = NoiseImages().minibatch(_COST_BATCH, 0, "cost")
    seconds = []
    with shown("measuring", quiet=quiet), unit("measuring costs"):
        for proxy in each(found, "proxies"):
            seconds.append(proxy.scores(supernet, states, batch)[0].seconds)
    return seconds
