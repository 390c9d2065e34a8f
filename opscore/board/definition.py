"""A frozen board: the spaces, truths, references, seeds and entrants that a ranking is one of.

It is a small TOML file. A new truth, reference or seed makes a new board with a version of its own;
an old one stays what it was, so that a place on it can be cited.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any, Literal

from opscore.errors import UserError
from opscore.oracles.references import is_reference
from opscore.spaces import get_space
from opscore.typed import shown, typed

#: The board that is meant where none is named.
LATEST = "2026.1"

#: What a truth is there for: rules may be chosen on it; they may not; or it is of another goal than
#: accuracy, which counts in no rank.
Role = Literal["development", "held-out", "other"]


@dataclass(frozen=True)
class BoardTruth:
    """Some tasks of one table of accuracies.

    Attributes:
        space: the search space.
        tasks: datasets or tasks of the table.
        sha256: of the table's content, or of its file.
        role: what they are there for.
        source: which table of the space, as ``--oracle-source`` takes it.
    """

    space: str
    tasks: tuple[str, ...]
    sha256: str
    role: Role
    source: str = "auto"


@dataclass(frozen=True)
class Entrant:
    """What is ranked.

    Attributes:
        name: as the board calls it.
        policies: the policy in each space, where it is not the one of that name; a space that has
            other operations has another order of them.
    """

    name: str
    policies: Mapping[str, str] = field(default_factory=dict)

    def policy(self, space: str) -> str:
        """The policy that stands for it in a space."""
        return self.policies.get(space, self.name)


@dataclass(frozen=True)
class Board:
    """What a ranking is a ranking on.

    Attributes:
        version: its name.
        references: what scores are compared with; ranks are by the first.
        seeds: run seeds, each with its own supernet and minibatch.
        images: image set that scores are made on.
        size: of the supernets.
        truths: tables and tasks.
        entrants: what is ranked.
        frozen: the entrant that was chosen on the development truths and named here before its
            scores on the held-out ones were computed; '' where there is none.
    """

    version: str
    references: tuple[str, ...]
    seeds: tuple[int, ...]
    images: str
    size: str
    truths: tuple[BoardTruth, ...]
    entrants: tuple[Entrant, ...]
    frozen: str = ""

    def __post_init__(self) -> None:
        for name in self.references:
            if not is_reference(name):
                raise UserError(f"'{name}' is no reference; those are best-acc(k=N) and avg-acc")
        names = [entrant.name for entrant in self.entrants]
        if len(set(names)) < len(names):
            twice = next(name for name in names if names.count(name) > 1)
            raise UserError(f"the board has the entrant '{twice}' twice")
        for truth in self.truths:
            get_space(truth.space)

    @property
    def spaces(self) -> tuple[str, ...]:
        """Its spaces, in the order of their first truth."""
        return tuple(dict.fromkeys(truth.space for truth in self.truths))

    @property
    def roles(self) -> dict[tuple[str, str], Role]:
        """The role of each (space, task)."""
        return {(truth.space, task): truth.role for truth in self.truths for task in truth.tasks}

    def entered(self, name: str, space: str) -> str:
        """The policy behind an entrant's name in a space."""
        found = next((each for each in self.entrants if each.name == name), Entrant(name))
        return found.policy(space)


def read_board(board: str | Path = LATEST) -> Board:
    """A board that ships, by its version, or one from a TOML file.

    Raises:
        UserError: there is no such board, or the file is none; the message names what is wrong.
    """
    path = Path(board)
    if path.suffix != ".toml":
        path = Path(str(resources.files("opscore.board"))) / f"{board}.toml"
        if not path.is_file():
            known = sorted(each.stem for each in path.parent.glob("*.toml"))
            raise UserError(f"there is no board '{board}'; known: {', '.join(known)}, or a file")
    try:
        given = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"cannot read the board {path}: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UserError(f"{path} is no board: {error}") from None
    try:
        return _board(given)
    except UserError as error:
        raise UserError(f"{path} is no board: {error}") from None
    except TypeError as error:  # a field is missing
        raise UserError(f"{path} is no board: {str(error).partition('() ')[2]}") from None


def _board(given: dict[str, Any]) -> Board:
    parts = dict(given)
    for name, kind in (("truths", BoardTruth), ("entrants", Entrant)):
        rows = parts.get(name)
        if not isinstance(rows, list) or not rows:
            raise UserError(f"{name} is a list of tables, got {shown(rows)}")
        parts[name] = tuple(
            typed(name, {"name": row} if isinstance(row, str) else row, kind) for row in rows
        )
    found: Board = typed("board", parts, Board)
    return found
