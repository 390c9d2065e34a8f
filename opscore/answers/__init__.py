"""What calls return: answers, which say their tables once, and every form that these are shown in.

A result declares its tables (:class:`Table`: a frame, and a :class:`opscore.schema.Column` for
each column that is shown), what they rest on and its pictures; from that come the text of a
terminal, the page of a notebook, CSV, Markdown, LaTeX and files. Nothing here needs torch.
"""

from opscore.answers.answer import Answer
from opscore.answers.formats import FORMS, render
from opscore.answers.listing import Listing, NamedTable
from opscore.answers.pictures import Picture
from opscore.answers.table import Entry, Table, guessed
from opscore.schema import Column

__all__ = [
    "FORMS",
    "Answer",
    "Column",
    "Entry",
    "Listing",
    "NamedTable",
    "Picture",
    "Table",
    "guessed",
    "render",
]
