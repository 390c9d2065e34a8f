"""Answers as a terminal shows them."""

from __future__ import annotations

from io import StringIO

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table as RichTable
from rich.text import Text

from opscore.answers.table import Entry, Shown, Table
from opscore.schema import Column

#: Colours of words that say how something is.
_STYLES = {
    "ok": "green", "yes": "green", "finished": "green", "missing": "dim", "pieces": "dim",
    "unchecked": "yellow", "warning": "yellow", "unfinished": "yellow",
    "no": "red", "corrupted": "red", "problem": "red", "failed": "red", "damaged": "red",
}  # fmt: skip

#: Characters that a text keeps before numbers are folded.
_LEAST = 6


def show(answer: Shown, console: Console, most: int | None = None) -> None:
    """Print what an answer rests on, its tables, and what one may do next.

    most: rows of a table that are printed; all of them where None.
    """
    print_lines(answer.notes(), console)
    for table in answer.tables():
        if not table.detail:
            print_table(table.head(most), console)
    for line in answer.lines():
        console.print(line, highlight=False, markup=False, soft_wrap=True)
    print_lines(answer.hints(), console)


def print_lines(lines: list[str], console: Console) -> None:
    """Lines in small print; brackets in them are no markup."""
    for line in lines:
        console.print(line, style="dim", highlight=False, markup=False)


def text_of(answer: Shown, width: int = 120, most: int | None = None) -> str:
    """What :func:`show` prints, without colours."""
    console = Console(file=StringIO(), width=width, color_system=None)
    show(answer, console, most)
    return console.file.getvalue()  # type: ignore[attr-defined, no-any-return]


def print_table(table: Table, console: Console) -> None:
    """Print a table; neither numbers nor words are folded, unless they would not fit."""
    columns, rows = table.shown(), list(table.rows())
    bare, boxed = table.look == "bare", table.look == "boxed"
    made = RichTable(
        title=escape(table.title) or None,
        caption=escape(table.caption) or None,
        box=box.HEAVY_HEAD if boxed else None if bare else box.SIMPLE_HEAD,
        pad_edge=boxed,
        collapse_padding=table.look == "open",
        show_header=any(column.heading for column in columns) or not bare,
    )
    widths = _widths(table, rows, console.width)
    for place, column in enumerate(columns):
        made.add_column(
            Text(table.heading(column)),
            justify="right" if column.is_number else "left",
            width=widths[place] if widths else None,
            overflow="fold",
        )
    above: dict[str, str] = {}
    marks = table.frame[table.sections].tolist() if table.sections else []
    for place, cells in enumerate(rows):
        shown = [_text(cell, column, above) for cell, column in zip(cells, columns, strict=True)]
        ends = bool(marks) and (place == len(marks) - 1 or marks[place] != marks[place + 1])
        made.add_row(*shown, end_section=ends)
    console.print(made)


def _widths(table: Table, rows: list[list[Entry]], width: int) -> list[int]:
    """Widths at which nothing but texts between words is folded, the widest first.

    Where that does not fit, words are folded too; empty where that does not fit either.
    """
    columns = table.shown()
    heads = [table.heading(column) for column in columns]
    cells = [
        [cell for row in rows for cell in (row[n].text, row[n].below)] for n in range(len(heads))
    ]
    whole = [_longest([*h.splitlines(), *own]) for h, own in zip(heads, cells, strict=True)]
    words = [_longest(" ".join([h, *own]).split()) for h, own in zip(heads, cells, strict=True)]
    between = 3 * len(heads) + 1 if table.look == "boxed" else 2 * len(heads)
    for kept in (width, _LEAST):
        least = [
            max(word, _longest(own)) if column.is_number else min(word, kept)
            for column, own, word in zip(columns, cells, words, strict=True)
        ]
        for most in range(width, 0, -1):
            found = [min(all_, max(own, most)) for all_, own in zip(whole, least, strict=True)]
            if sum(found) + between <= width:
                return found
    return []


def _longest(lines: list[str]) -> int:
    """Characters of the longest one."""
    return max(map(len, lines), default=0)


def _text(cell: Entry, column: Column, above: dict[str, str]) -> Text:
    """A cell; a text that stands above it already is left out where the column says so."""
    repeated = column.once and above.get(column.name) == cell.text
    above[column.name] = cell.text
    style = "bold" if cell.best else _STYLES.get(cell.text, "") if column.kind == "status" else ""
    found = Text("" if repeated else cell.text, style=style)
    return found.append(f"\n{cell.below}", style="dim") if cell.below else found
