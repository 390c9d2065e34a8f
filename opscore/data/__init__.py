"""Data files: where they are, and how they are read and written safely."""

from opscore.data.files import atomic_write, file_hash
from opscore.data.locate import cache_folder, find, require, search_path

__all__ = ["atomic_write", "cache_folder", "file_hash", "find", "require", "search_path"]
