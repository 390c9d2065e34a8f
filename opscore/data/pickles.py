"""Reading pickles that came from elsewhere, without letting them run anything."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from typing import IO, Any

from opscore.errors import UserError


class _Restricted(pickle.Unpickler):
    def __init__(
        self, file: IO[bytes], allowed: Mapping[tuple[str, str], Any], encoding: str
    ) -> None:
        super().__init__(file, encoding=encoding)
        self._allowed = allowed

    def find_class(self, module: str, name: str) -> Any:
        try:
            return self._allowed[module, name]
        except KeyError:
            raise UserError(f"this pickle asks for {module}.{name}; it is not trusted") from None


def load_restricted(
    file: IO[bytes],
    allowed: Mapping[tuple[str, str], Any] | None = None,
    *,
    encoding: str = "ASCII",
) -> Any:
    """The object in a pickle made of plain values and of the globals in ``allowed`` only.

    Args:
        file: open for reading bytes.
        allowed: what stands for each (module, name) that the pickle may ask for.
        encoding: how Python 2's strings are read ('bytes' leaves them as they are).

    Raises:
        UserError: it asks for anything else, or it is no pickle.
    """
    try:
        return _Restricted(file, allowed or {}, encoding).load()
    except (pickle.UnpicklingError, EOFError, AttributeError, IndexError, KeyError) as error:
        raise UserError(f"not a readable pickle ({error})") from None
