"""Data files: which there are, where they are, how they get there, and how they are read."""

from opscore.data.add import add
from opscore.data.catalogue import (
    COLLECTIONS,
    FILES,
    ORIGINALS,
    Collection,
    DataFile,
    get_source,
)
from opscore.data.fetch import fetch
from opscore.data.files import atomic_write, file_hash
from opscore.data.locate import cache_folder, destination, find, require, search_path
from opscore.data.make import MADE_TABLES, Added, each_table, fetch_tables
from opscore.data.tables import content_hash, read_checked, write_checked
from opscore.data.verify import verify

__all__ = [
    "COLLECTIONS",
    "FILES",
    "MADE_TABLES",
    "ORIGINALS",
    "Added",
    "Collection",
    "DataFile",
    "add",
    "atomic_write",
    "cache_folder",
    "content_hash",
    "destination",
    "each_table",
    "fetch",
    "fetch_tables",
    "file_hash",
    "find",
    "get_source",
    "read_checked",
    "require",
    "search_path",
    "verify",
    "write_checked",
]
