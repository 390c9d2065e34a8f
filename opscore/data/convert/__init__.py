"""Files as their authors publish them, made into this project's tables: one file per source."""
