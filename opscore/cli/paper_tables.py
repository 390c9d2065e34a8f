"""``opscore table3, table4, table6, table7, claims``: what is read, not computed."""

from __future__ import annotations

from collections.abc import Callable

from opscore.answers import Answer
from opscore.cli.present import answering

#: Help of the commands, by the number of the table.
TRAINED = {
    3: "Zero-Cost-PT on the DARTS space by N and V, as published, with the networks' sizes.",
    4: "The DARTS space on CIFAR-10: every published row, with the networks' sizes.",
    6: "The DARTS space on ImageNet: every published row, with the networks' sizes.",
    7: "The MobileNet-like space on ImageNet: every published row.",
}


def trained(number: int) -> Callable[..., None]:
    """The command of a table whose networks were trained to the end."""

    @answering(saves=True)
    def table() -> Answer:
        from opscore.paper.trained_tables import trained_table

        return trained_table(number)

    return table


@answering(saves=True)
def claims() -> Answer:
    """What the paper says of searches (sections 4 and 5), beside what was measured."""
    from opscore.paper.search_claims import search_claims

    return search_claims()
