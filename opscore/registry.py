"""One small typed registry, used for spaces, oracles, proxies and policies alike."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib import metadata
from typing import Generic, TypeVar

from opscore.errors import OpscoreError, unknown

T = TypeVar("T")


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
