"""``opscore replay``: the authors' raw scores through this package's analysis."""

from __future__ import annotations

from collections.abc import Callable

import typer

from opscore.answers import Answer
from opscore.cli.common import DataDirOption
from opscore.cli.present import answering

app = typer.Typer(
    no_args_is_help=True,
    help="Recompute the paper's numbers from the authors' own raw scores, with this package's "
    "analysis, and set them beside the published ones.",
)


#: What is replayed, and the help of its command.
_REPLAYED = {
    "figure2": "Figure 2 (left): correlations between all policies at iteration 0.",
    "table1": "Table 1: the architecture that each policy picks edge by edge.",
    "progressive": "Figure 2 (right): correlations with best-acc along a search.",
    "nb1shot1": "NAS-Bench-1Shot1: correlations with best-acc along the authors' searches.",
}


def _command(name: str) -> Callable[..., None]:
    @answering(saves=True)
    def command(data_dir: DataDirOption = None) -> Answer:
        from opscore.paper import replayed

        found: Answer = getattr(replayed, name)(data_dir)
        return found

    return command


for _name, _help in _REPLAYED.items():
    app.command(_name, help=_help)(_command(_name))
