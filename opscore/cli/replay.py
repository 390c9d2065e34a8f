"""``opscore replay``: the authors' raw scores through this package's analysis."""

from __future__ import annotations

import typer

from opscore.answers import Answer
from opscore.cli.common import DataDirOption
from opscore.cli.present import answering

app = typer.Typer(
    no_args_is_help=True,
    help="Recompute the paper's numbers from the authors' own raw scores, with this package's "
    "analysis, and set them beside the published ones.",
)


@app.command()
@answering(saves=True)
def figure2(data_dir: DataDirOption = None) -> Answer:
    """Figure 2 (left): correlations between all policies at iteration 0."""
    from opscore.paper.replayed import figure2 as replayed

    return replayed(data_dir)


@app.command()
@answering(saves=True)
def table1(data_dir: DataDirOption = None) -> Answer:
    """Table 1: the architecture that each policy picks edge by edge."""
    from opscore.paper.replayed import table1 as replayed

    return replayed(data_dir)


@app.command()
@answering(saves=True)
def progressive(data_dir: DataDirOption = None) -> Answer:
    """Figure 2 (right): correlations with best-acc along a search."""
    from opscore.paper.replayed import progressive as replayed

    return replayed(data_dir)


@app.command()
@answering(saves=True)
def nb1shot1(data_dir: DataDirOption = None) -> Answer:
    """NAS-Bench-1Shot1: correlations with best-acc along the authors' searches."""
    from opscore.paper.replayed import nb1shot1 as replayed

    return replayed(data_dir)
