"""One small typed registry, used for spaces, oracles, proxies and policies alike."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from importlib import metadata
from typing import Generic, Protocol, TypeVar

from opscore.errors import OpscoreError, UserError, unknown


class Family(Protocol):
    """An entry whose name may carry a proxy between parentheses, as in 'zc-pt(nwot)'."""

    @property
    def check_argument(self) -> Callable[[str], object] | None:
        """Raises UserError for a bad argument; None when the family takes none."""
        ...


T = TypeVar("T")
F = TypeVar("F", bound=Family)

_NAME = re.compile(r"([^()]+?)(?:\((.*)\))?")


class Registry(Generic[T]):
    """Names to things of one kind.

    A second entry under the same name is an error, and an unknown name lists the close ones.
    With ``entry_points`` other packages can add entries: the group is read the first time that
    a name is looked up, and importing the entry is expected to register it.
    """

    def __init__(self, kind: str, *, entry_points: str | None = None) -> None:
        self.kind = kind
        self._entries: dict[str, T] = {}
        self._pending_group = entry_points

    def add(self, name: str, entry: T) -> T:
        """Register ``entry`` under ``name``; OpscoreError if the name is taken."""
        if name in self._entries:
            raise OpscoreError(f"{self.kind} '{name}' is already registered")
        self._entries[name] = entry
        return entry

    def register(self, name: str) -> Callable[[T], T]:
        """Decorator form of :meth:`add`."""
        return lambda entry: self.add(name, entry)

    def remove(self, name: str) -> None:
        """Forget an entry (for tests and interactive work)."""
        self._entries.pop(name, None)

    def __getitem__(self, name: str) -> T:
        self._load_entry_points()
        try:
            return self._entries[name]
        except KeyError:
            raise unknown(self.kind, name, self._entries) from None

    def __contains__(self, name: object) -> bool:
        self._load_entry_points()
        return name in self._entries

    def __iter__(self) -> Iterator[str]:
        self._load_entry_points()
        return iter(sorted(self._entries))

    def __len__(self) -> int:
        self._load_entry_points()
        return len(self._entries)

    def _load_entry_points(self) -> None:
        group, self._pending_group = self._pending_group, None
        if group is not None:
            for entry_point in metadata.entry_points(group=group):
                entry_point.load()


def look_up(families: Registry[F], name: str, *, kind: str, form: str) -> tuple[F, str]:
    """The family and the argument of a name such as 'zc-pt(nwot)'; no argument is ''.

    Args:
        families: where it is registered.
        name: FAMILY or FAMILY(PROXY).
        kind: what messages call it, such as 'policy'.
        form: what they call the part before the parentheses.

    Raises:
        UserError: the family or its argument is unknown, missing, or not wanted.
    """
    match = _NAME.fullmatch(name.strip())
    if match is None:
        raise UserError(f"bad {kind} name '{name}'; the form is {form} or {form}(PROXY)")
    family, argument = families[match[1]], match[2]
    if family.check_argument is None:
        if argument is not None:
            raise UserError(f"{kind} '{match[1]}' takes no argument, got '{name}'")
    elif not argument:
        raise UserError(f"{kind} '{match[1]}' needs a proxy, as in '{match[1]}(nwot)'")
    else:
        family.check_argument(argument)
    return family, argument or ""
