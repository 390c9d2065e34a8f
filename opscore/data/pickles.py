"""Reading pickles that came from elsewhere, without letting them run anything."""

from __future__ import annotations

import codecs
import collections
import pickle
import re
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any

import numpy as np

from opscore.data.files import reason_of
from opscore.errors import UserError

Globals = Mapping[tuple[str, str], Any]

_BUILTINS = (list, dict, set, frozenset, int, float, complex)
#: NumPy's helpers for its own pickles.
_NUMPY = {
    ("multiarray", "_reconstruct"): np.empty(0).__reduce__()[0],
    ("multiarray", "scalar"): np.float64(0).__reduce__()[0],
    ("numeric", "_frombuffer"): np.empty(1).__reduce_ex__(5)[0],
}

#: Containers and NumPy values, under the names that old and new versions of Python and NumPy
#: write. None of these runs code of the file's choosing.
PLAIN_GLOBALS: Globals = {
    ("collections", "OrderedDict"): collections.OrderedDict,
    ("collections", "defaultdict"): collections.defaultdict,
    ("_codecs", "encode"): codecs.encode,
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): np.dtype,
    **{
        (f"numpy.{core}.{module}", name): value
        for core in ("core", "_core")
        for (module, name), value in _NUMPY.items()
    },
    **{
        (module, kind.__name__): kind
        for module in ("builtins", "__builtin__")
        for kind in _BUILTINS
    },
}


#: How torch names what a file holds beside tensors and plain values.
_REFUSED = re.compile(r"(?:GLOBAL|class|function|global:?) ([A-Za-z_][\w]*\.[\w.]+)")


class _Restricted(pickle.Unpickler):
    def __init__(self, file: IO[bytes], allowed: Globals, encoding: str) -> None:
        super().__init__(file, encoding=encoding)
        self._allowed = allowed

    def find_class(self, module: str, name: str) -> Any:
        try:
            return self._allowed[module, name]
        except KeyError:
            raise UserError(f"this pickle asks for {module}.{name}; it is not trusted") from None


def load_restricted(
    file: IO[bytes], allowed: Globals | None = None, *, encoding: str = "ASCII"
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
    except UserError:
        raise
    except OSError:
        raise  # the file, not its content
    except Exception as error:
        # A damaged stream can raise nearly anything: UnpicklingError, EOFError, TypeError, ...
        raise UserError(f"not a readable pickle ({_first_line(error)})") from None


def load_tensors(path: Path, allowed: Sequence[Any] = ()) -> Any:
    """What a file of ``torch.save`` holds, if that is tensors and plain values; no code is run.

    Args:
        path: the file.
        allowed: classes that it may hold besides, or pairs of one and the name it goes by.

    Raises:
        UserError: it holds anything else, or is no such file. What torch says of it is left out:
            it advises to load the file all the same, with whatever code is in it.
    """
    import torch

    try:
        with torch.serialization.safe_globals(list(allowed)), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        reason = reason_of(error)
    except Exception as error:  # torch raises many kinds
        refused = _REFUSED.search(str(error))
        reason = "it is no file of torch.save, or is damaged"
        if refused is not None:
            reason = (
                f"it holds an object of '{refused[1]}', which could run code; tensors and plain "
                "values alone are read, as torch.save(net.state_dict(), FILE) writes them"
            )
    raise UserError(f"{path}: not a readable checkpoint: {reason}")


def _first_line(error: Exception) -> str:
    return (str(error) or type(error).__name__).splitlines()[0]
