"""``opscore oracle``: the truth, per edge and operation."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from opscore.answers import Answer, Listing
from opscore.cli.common import DataDirOption
from opscore.cli.options import Only
from opscore.cli.present import answering
from opscore.settings import OracleSettings
from opscore.spaces import DEFAULT_SPACE
from opscore.typed import keywords


@answering()
def oracle(
    space: Annotated[str, typer.Argument(help="Search space.")] = DEFAULT_SPACE,
    *,
    asked: Annotated[OracleSettings, Only(flags={"source": ("--source", "--oracle-source")})],
    noise: Annotated[
        bool, typer.Option("--noise", help="Also how well the table agrees with itself over seeds.")
    ] = False,
    architecture: Annotated[
        str | None,
        typer.Option(
            help="Of a sample: also what is expected of this architecture.", show_default=False
        ),
    ] = None,
    data_dir: DataDirOption = None,
) -> Answer:
    """Best accuracy (Eq. 1) and mean accuracy (Eq. 2) of each operation on each edge."""
    from opscore.analysis.between_trainings import agreement_between_trainings, agreement_table
    from opscore.analysis.sample import SampleJudged, place_text
    from opscore.errors import UserError
    from opscore.oracles import SampledOracle, load_oracle

    truth = load_oracle(space, data_dir=data_dir, **keywords(asked))
    answer = SampleJudged(truth) if isinstance(truth, SampledOracle) else truth
    tables, values, said = answer.tables(), dict(answer.payload()), answer.lines()
    if architecture is not None:
        if not isinstance(answer, SampleJudged):
            raise UserError(f"--architecture is for samples; {space}'s table is none")
        values["architecture"] = place = answer.place(architecture)
        said = [*said, place_text(place)]
    if noise:
        measured, itself = truth.noise(), agreement_between_trainings(truth)
        tables += [measured.table(), *([agreement_table(itself)] if len(itself) else [])]
        values |= {"noise": asdict(measured), "references": itself}
    return Listing(tables, values, answer.notes(), said)
