"""Files as their authors publish them, made into this project's tables: one file per source.

An original is compared with its sha256 before it comes here, so that converters take it for what it
is; what is wrong with one all the same is said by :func:`opscore.data.make.converted`.
"""
