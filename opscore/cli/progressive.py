"""``opscore progressive``: score, discretize one edge, and so on to an architecture."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from opscore.answers import Answer
from opscore.cli.common import PoliciesOption, parse_policies, say_if_no_truth
from opscore.cli.options import NetworkOptions, OracleOptions, RunOptions
from opscore.cli.present import answering
from opscore.errors import UserError


@answering(saves=True)
def progressive(
    policies: PoliciesOption = "zc-pt(nwot)",
    *,
    grid: RunOptions,
    order: Annotated[
        str,
        typer.Option(help="fixed (as published), random (drawn for each seed), or 3,0,1,2,4,5."),
    ] = "fixed",
    retrain_epochs: Annotated[
        str | None,
        typer.Option(
            help="Epochs of retraining after each discretization: 5, or disc-acc=25,darts-pt=5; "
            "else the training profile's."
        ),
    ] = None,
    oracle: Annotated[
        str,
        typer.Option(
            help="Compare with best-acc of A_0 (initial, as published) or of each policy's own "
            "A_t (conditional, Eq. 1)."
        ),
    ] = "initial",
    training: Annotated[
        str,
        typer.Option(help="Training profile: paper, cpu, smoke; auto has the name of the size."),
    ] = "auto",
    networks: NetworkOptions,
    truth: OracleOptions,
    checkpoint: Annotated[
        Path | None, typer.Option(help="Start from this supernet (.npz, .pt), not a fresh one.")
    ] = None,
) -> Answer:
    """Score all open edges, discretize the next one, and go on (Figure 2, right)."""
    from opscore.experiments import ScoringSettings
    from opscore.experiments.progressive.call import progressive as run_progressive
    from opscore.progress import shown

    names, seeds = parse_policies(policies), grid.seed_list
    settings: dict[str, Any] = {
        "oracle": truth.settings(),
        "training": training,
        "checkpoint": checkpoint,
        **asdict(networks),
    }
    say_if_no_truth(ScoringSettings(tuple(names), seeds, **settings))
    with shown("scoring", quiet=grid.quiet):
        return run_progressive(
            names,
            seeds,
            order=_parse_order(order),
            retrain_epochs=_parse_epochs(retrain_epochs),
            oracle_mode=oracle,
            **grid.calls,
            **settings,
        )


def _parse_order(text: str) -> str | list[int | str]:
    """A named order, or edges by index or name, separated by commas."""
    if "," not in text:
        return text
    parts = [part.strip() for part in text.split(",")]
    return [int(part) if part.isdigit() else part for part in parts if part]


def _parse_epochs(text: str | None) -> int | dict[str, int] | None:
    """One number of epochs, or one for each policy that is named."""
    if text is None:
        return None
    if text.strip().isdigit():
        return int(text)
    found: dict[str, int] = {}
    for part in text.split(","):
        policy, _, number = part.rpartition("=")
        if not policy.strip() or not number.strip().isdigit():
            raise UserError(f"bad epochs '{text}'; the form is 5 or disc-acc=25,darts-pt=5")
        found[policy.strip()] = int(number)
    return found
