"""Data files: which there are, where they are, how they get there, and how they are read."""

from opscore.data.add import Added, add
from opscore.data.catalogue import FILES, DataFile, get_file, list_files
from opscore.data.fetch import fetch
from opscore.data.files import atomic_write, file_hash
from opscore.data.locate import cache_folder, destination, find, require, search_path
from opscore.data.verify import verify

__all__ = [
    "FILES",
    "Added",
    "DataFile",
    "add",
    "atomic_write",
    "cache_folder",
    "destination",
    "fetch",
    "file_hash",
    "find",
    "get_file",
    "list_files",
    "require",
    "search_path",
    "verify",
]
