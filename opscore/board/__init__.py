"""The board: every entrant on every truth, next to the bars, with tests that mean what they say.

A board is a frozen list (:mod:`opscore.board.definition`); all that stands on it is derived from
score tables when it is shown.
"""

from __future__ import annotations

from opscore.board.definition import LATEST, Board, BoardTruth, Entrant, read_board

__all__ = ["LATEST", "Board", "BoardTruth", "Entrant", "read_board"]
