"""One small typed registry, used for spaces, oracles, proxies and policies alike."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from importlib import metadata
from types import FrameType
from typing import Any, Generic, NamedTuple, Protocol, TypeVar
from weakref import WeakValueDictionary

from opscore.errors import OpscoreError, UserError, in_a_line, note, unknown


class Family(Protocol):
    """An entry whose name may carry a proxy between parentheses, as in 'zc-pt(nwot)'."""

    @property
    def check_argument(self) -> Callable[[str], object] | None:
        """Raises UserError for a bad argument; None when the family takes none."""
        ...


T = TypeVar("T")
F = TypeVar("F", bound=Family)

_NAME = re.compile(r"([^()]+?)(?:\((.*)\))?")


#: This package's name; other packages may be called opscore_something.
_PACKAGE = __name__.partition(".")[0]

#: Every registry of this process by its kind.
_REGISTRIES: WeakValueDictionary[str, Registry[Any]] = WeakValueDictionary()

#: Where a definition that is run again comes from: a notebook, a prompt, a script.
_INTERACTIVE = "__main__"


class Registered(NamedTuple):
    """An entry that the user's own code has registered."""

    kind: str
    name: str
    entry: Any


class Registry(Generic[T]):
    """Names to things of one kind.

    A second entry under the same name is an error, unless it is the same definition run once more,
    as when the cell of a notebook is run again: then it replaces the first one, with a note. An
    unknown name lists the close ones.
    With ``entry_points`` other packages can add entries: the group is read the first time that
    a name is looked up, and importing the entry is expected to register it.
    """

    def __init__(self, kind: str, *, entry_points: str | None = None) -> None:
        self.kind = kind
        self._entries: dict[str, T] = {}
        self._pending_group = entry_points
        self._of_plug_ins: set[str] = set()
        self._from_outside: set[str] = set()
        self._sources: dict[str, str] = {}
        _REGISTRIES[kind] = self

    def add(self, name: str, entry: T, *, source: str = "") -> T:
        """Register ``entry`` under ``name``; source: what it is cited for (``opscore cite``).

        OpscoreError if the name is taken by another definition; one that is run again replaces the
        first, with a note.
        """
        if name in self._entries and self._entries[name] != entry:
            if not _defined_again(self._entries[name], entry):
                raise OpscoreError(
                    f"{self.kind} '{name}' is already registered; choose another name"
                )
            note(f"{self.kind} '{name}' is defined again; the new definition replaces the first")
        self._entries[name] = entry
        self._sources[name] = source
        if not _called_by_package(sys._getframe(1)):
            self._from_outside.add(name)
        return entry

    def added(self) -> list[Registered]:
        """What neither this package nor an installed plug-in has registered, but the user's code.

        Another process does not have these entries until it adopts them.
        """
        return [
            Registered(self.kind, name, entry)
            for name, entry in self._entries.items()
            if name in self._from_outside
            and name not in self._of_plug_ins
            and not _origin(entry)[0].startswith("opscore.")
        ]

    def remove(self, name: str) -> None:
        """Forget an entry (for tests and interactive work)."""
        self._entries.pop(name, None)
        self._from_outside.discard(name)

    def source(self, name: str) -> str:
        """What an entry is cited for, as it was registered; '' where nobody said."""
        self._load_entry_points()
        return self._sources.get(name, "")

    def is_from_outside(self, name: str) -> bool:
        """Whether an entry was registered by code outside of this package."""
        return name in self._from_outside

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
        if group is None:
            return
        before = set(self._entries)
        for entry_point in metadata.entry_points(group=group):
            try:
                entry_point.load()
            except Exception as error:  # whatever another package does, it must not stop this one
                package = entry_point.dist.name if entry_point.dist else entry_point.value
                note(
                    f"package '{package}': its {self.kind} plug-in '{entry_point.name}' cannot be "
                    f"loaded and is left out ({in_a_line(error)})"
                )
        self._of_plug_ins |= set(self._entries) - before


def added_by_the_user() -> list[Registered]:
    """The entries of all registries that other processes have to be told of."""
    return [found for registry in _REGISTRIES.values() for found in registry.added()]


def adopt(entries: Iterable[Registered]) -> None:
    """Take over what another process has registered; an entry of the same name is replaced.

    Entries of kinds that this process does not have are left out: nothing here can ask for them.
    """
    for kind, name, entry in entries:
        registry = _REGISTRIES.get(kind)
        if registry is not None:
            registry._entries[name] = entry
            registry._from_outside.add(name)


def _origin(entry: object) -> tuple[str, str]:
    """Module and name of the function or class that an entry was made of; empty if it has none."""
    for part in ("function", "policy", "build", "supernet"):
        entry = getattr(entry, part, entry)
    entry = getattr(entry, "func", entry)  # of a partial
    if not hasattr(entry, "__qualname__"):
        return "", ""
    return getattr(entry, "__module__", ""), str(entry.__qualname__)


def _defined_again(first: object, second: object) -> bool:
    """Whether two entries come from one definition, or both from where definitions are tried."""
    one, two = _origin(first), _origin(second)
    return one[0] == two[0] and (one[0] == _INTERACTIVE or one == two != ("", ""))


def _called_by_package(frame: FrameType | None) -> bool:
    """Whether the nearest module, or caller outside of this package, is this package's own."""
    while frame is not None:
        own = str(frame.f_globals.get("__name__")).partition(".")[0] == _PACKAGE
        if not own or frame.f_code.co_name == "<module>":
            return own
        frame = frame.f_back
    return False


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
    elif not argument and getattr(family, "argument", "PROXY") == "PROXY":
        raise UserError(f"{kind} '{match[1]}' needs a proxy, as in '{match[1]}(nwot)'")
    else:
        family.check_argument(argument or "")
    return family, argument or ""


def split_names(text: str) -> list[str]:
    """The names in a text, between commas; commas between parentheses do not separate.

    UserError for an empty place before a comma; the last name may have one after it.
    """
    parts, depth = [""], 0
    for character in text:
        depth += {"(": 1, ")": -1}.get(character, 0)
        if character == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += character
    names = [part.strip() for part in parts]
    if not names[-1]:
        del names[-1]
    if "" in names:
        raise UserError(f"nothing stands before a comma in '{text}'")
    return names


def as_names(given: Any) -> Any:
    """Names of several things, or of one text with commas between them; each once, with a note.

    Spaces make no other name: 'zc-pt(nwot,by=cell)' is 'zc-pt(nwot, by=cell)'. What is no
    text and no list of texts is given back as it is.
    """
    names = split_names(given) if isinstance(given, str) else given
    if not isinstance(names, Iterable) or isinstance(names, Mapping):
        return given
    names = tuple(names)
    if not all(isinstance(name, str) for name in names):
        return names
    names = tuple(name.strip() for name in names)
    spelled = [name.replace(" ", "") for name in names]
    first = dict(reversed([*zip(spelled, names, strict=True)]))
    found = tuple(first[name] for name in dict.fromkeys(spelled))
    if len(found) < len(names):
        twice = [first[name] for name in dict.fromkeys(spelled) if spelled.count(name) > 1]
        note(f"asked for more than once, and taken once: {', '.join(twice)}")
    return found
