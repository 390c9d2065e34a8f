"""``opscore figure2`` and ``opscore table1``: the paper's results, published beside measured."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from opscore.answers import Answer
from opscore.cli.common import (
    DataDirOption,
    DeviceOption,
    JobsOption,
    PoliciesOption,
    QuietOption,
    RunsOption,
    SeedsOption,
    SizeOption,
    parse_policies,
    parse_seeds,
)
from opscore.cli.present import answering

if TYPE_CHECKING:
    from opscore.paper.measured import Measured


@dataclass(frozen=True)
class LiveOptions:
    """Whether the measured side is computed now, and of what."""

    live: Annotated[
        bool,
        typer.Option(
            "--live",
            help="Compute the measured side now, with the options below; without it the scores "
            "that come with the package are shown.",
        ),
    ] = False
    policies: PoliciesOption = "zc-pt(nwot),disc-zc(nwot)"
    seeds: SeedsOption = "0-3"
    size: SizeOption = "paper"
    jobs: JobsOption = 1
    runs: RunsOption = Path("runs")
    device: DeviceOption = "auto"
    quiet: QuietOption = False
    data_dir: DataDirOption = None

    def common(self) -> dict[str, Any]:
        """The arguments that both kinds of measurement take, beside policies and seeds."""
        return {
            "size": self.size,
            "jobs": self.jobs,
            "store": self.runs,
            "device": self.device,
            "data_dir": self.data_dir,
        }


@answering(saves=True)
def figure2(*, asked: LiveOptions) -> Answer:
    """Figure 2 and its claims: agreement with the truth, published beside measured."""
    from opscore.paper.figure2 import figure2 as make_figure2
    from opscore.paper.measured import measure_progressive

    return make_figure2(_measured(asked, measure_progressive))


@answering(saves=True)
def table1(*, asked: LiveOptions) -> Answer:
    """Table 1: the architecture that each policy picks edge by edge, published beside measured."""
    from opscore.paper.measured import measure_initial
    from opscore.paper.table1 import table1 as make_table1

    return make_table1(_measured(asked, measure_initial), asked.data_dir)


def _measured(asked: LiveOptions, measure: Callable[..., Measured]) -> list[Measured] | None:
    """What is measured now; None to take what comes with the package."""
    from opscore.progress import shown

    if not asked.live:
        return None
    names, seeds = parse_policies(asked.policies), parse_seeds(asked.seeds)
    with shown("scoring", quiet=asked.quiet):
        return [measure(names, seeds, **asked.common())]
