"""What the package ships as measured, and what each record rests on.

How records are made is in ``scripts/records.py``, beside the package and not in it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from opscore.board.scores import CEILINGS, INITIAL, TRUTHS
from opscore.board.scores import PREFIX as BOARD
from opscore.data.records import read_record, record_names
from opscore.paper.alphas import RECORD as ALPHAS
from opscore.paper.expected import EXPECTATIONS
from opscore.paper.toy_model.result import RECORD as TOY_MODEL
from opscore.paper.trained_tables import OWN
from opscore.paper.trained_tables import RECORD as GENOTYPE_SIZES

#: Where searches end by each way to validate.
VALIDATIONS = "search_validation"


def describe_records() -> pd.DataFrame:
    """What the package ships, a row each: record, holds, rows, date, rests on."""
    rows = []
    for name in record_names():
        table, settings = read_record(name)
        rows.append(
            {
                "record": name,
                "holds": _holds(name, settings),
                "rows": len(table),
                "date": str(settings.get("date", ""))[:10],
                "rests on": "; ".join(settings.get("notes", [])) or settings.get("note", ""),
            }
        )
    return pd.DataFrame(rows)


def _holds(name: str, settings: Mapping[str, Any]) -> str:
    if name.startswith(INITIAL):
        return f"initial scores on {name.removeprefix(INITIAL)}, {settings['size']} size"
    if name.startswith(BOARD):
        return f"initial scores on {name.removeprefix(BOARD)} by more entrants of the board"
    return _HOLDS.get(name, "")


_HOLDS = {
    TRUTHS: "what the truth of every task says of every operation",
    CEILINGS: "agreement of each reference with itself between two trainings",
    "architecture_scores": "nwot, synflow, params, flops of all 15,625 architectures",
    "progressive_cpu": "scores of every policy along searches, reduced supernet",
    "progressive_paper": "scores of zero-cost policies along searches, paper size",
    "progressive_medium": "scores of trained policies, paper size after an eighth of its training",
    ALPHAS: "weights of operations along those trainings",
    "search": "architectures that search methods find, with error and cost (Table 2)",
    "search_proxies": "the same for more proxies, reduced supernet (Table 2)",
    "search_orders": "the same for each edge order (Table 5)",
    "search_proposals": "architectures of a long search's proposals (Figure 4)",
    "search_scores": "their scores in the validation stage",
    EXPECTATIONS: "what random search and NASWOT end on, exactly",
    VALIDATIONS: "where searches end by each way to validate, with or without a race",
    TOY_MODEL: "scores of the chains of the toy model",
    "proxies": "initial scores by every proxy, reduced supernet",
    GENOTYPE_SIZES: "parameters and multiplications of genotypes (Tables 3, 4, 6)",
    "search_parts": "cells that Zero-Cost-PT finds on S1 to S4",
    OWN: "cells that searches find on DARTS (Tables 3 and 4)",
    "retraining": "accuracy along retraining after edge 0 is discretized, reduced supernet",
    "retraining_edges": "the same for each edge in turn",
}
