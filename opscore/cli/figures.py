"""``opscore figure2`` and ``opscore table1``: the paper's results, published beside measured."""

from __future__ import annotations

from typing import Annotated

from opscore.answers import Answer
from opscore.cli.common import LiveOption
from opscore.cli.options import Only, Runs
from opscore.cli.present import answering
from opscore.settings import ScoringSettings

#: What is measured now, in the space of the paper and against its truth.
Measuring = Annotated[
    ScoringSettings,
    Only(
        without=("space", "oracle", "checkpoint", "batch_file"),
        policies="zc-pt(nwot),disc-zc(nwot)",
        seeds="0-3",
    ),
]


@answering(saves=True, doing="scoring")
def figure2(settings: Measuring, run: Runs, live: LiveOption = False) -> Answer:
    """Figure 2 and its claims: agreement with the truth, published beside measured."""
    from opscore.paper.figure2 import figure2 as make_figure2
    from opscore.paper.measured import measure_progressive

    if not live:
        return make_figure2()
    return make_figure2([measure_progressive(settings, **run.calls)])


@answering(saves=True, doing="scoring")
def table1(settings: Measuring, run: Runs, live: LiveOption = False) -> Answer:
    """Table 1: the architecture that each policy picks edge by edge, published beside measured."""
    from opscore.paper.measured import measure_initial
    from opscore.paper.table1 import table1 as make_table1

    if not live:
        return make_table1(data_dir=settings.data_dir)
    return make_table1([measure_initial(settings, **run.calls)], settings.data_dir)
