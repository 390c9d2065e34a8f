"""Code that a user names on the command line: an object of a module, or a file that registers."""

from __future__ import annotations

import importlib
import importlib.util
import pkgutil
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from opscore.errors import UserError, in_a_line, unknown


def names_an_object(text: str) -> bool:
    """Whether a text has the form 'module:name' or 'file.py:name'."""
    module, _, name = text.rpartition(":")
    return bool(module) and name.isidentifier()


def find_object(text: str) -> Any:
    """The object that 'module:name' or 'file.py:name' names; modules of the current folder count.

    UserError, with the near names, when there is none, and in one line when its code fails.
    """
    if not names_an_object(text):
        raise UserError(f"'{text}' names no object; the form is module:name or file.py:name")
    place, _, name = text.rpartition(":")
    module = load_file(Path(place)) if place.endswith(".py") else _imported(place)
    if not hasattr(module, name):
        known = [each for each in vars(module) if not each.startswith("_")]
        raise unknown(f"name in {place}", name, known)
    return getattr(module, name)


def load_file(path: Path) -> ModuleType:
    """Run a file of Python once, for what it registers; it may import others of its folder.

    UserError when there is no such file, and in one line when its code fails.
    """
    path = path.resolve()
    if not path.is_file():
        near = sorted(each.name for each in path.parent.glob("*.py"))
        raise unknown("file of Python", path.name, near)
    name = f"{path.stem}_file"  # whatever it is called, it stands in for no other module
    loaded = sys.modules.get(name)
    if loaded is not None and getattr(loaded, "__file__", None) == str(path):
        return loaded
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise UserError(f"{path.name} is no file of Python: its name ends in .py")
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    sys.path.append(str(path.parent))
    try:
        spec.loader.exec_module(module)
    except BaseException as error:
        del sys.modules[name]
        raise _failed(path.name, error) from error
    module.__spec__ = None  # another process cannot import it: workers are sent what it defines
    return module


def _imported(name: str) -> ModuleType:
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    try:
        return importlib.import_module(name)
    except BaseException as error:
        lacks = getattr(error, "name", None) if isinstance(error, ModuleNotFoundError) else None
        if lacks is not None and f"{name}.".startswith(f"{lacks}."):
            raise unknown(
                "module", name, [each.name for each in pkgutil.iter_modules([here])]
            ) from None
        raise _failed(name, error) from error


def _failed(what: str, error: BaseException) -> BaseException:
    """The error as one line; what a user of opscore is told already, and Ctrl-C, as they are."""
    if isinstance(error, UserError | KeyboardInterrupt):
        return error
    return UserError(f"{what} cannot be run ({in_a_line(error)})")
