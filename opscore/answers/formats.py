"""Answers as CSV, Markdown, LaTeX and HTML."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from html import escape

from opscore import schema
from opscore.answers.table import Entry, Shown, Table
from opscore.answers.text import text_of
from opscore.answers.words import one_line
from opscore.errors import unknown

_LATEX = {
    **{sign: f"\\{sign}" for sign in "&%$#_{}"},
    "\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}",
    "≥": r"$\geq$", "|": r"\textbar{}", "<": r"\textless{}", ">": r"\textgreater{}",
}  # fmt: skip

#: The paper, as tables and cards cite it.
CITE = "Xiang et al., Zero-Cost Operation Scoring in Differentiable Architecture Search, AAAI 2023"


def render(answer: Shown, form: str) -> str:
    """An answer in one of :data:`FORMS`; UserError for another."""
    if form not in FORMS:
        raise unknown("format", form, FORMS)
    return FORMS[form](answer)


def csv_of(answer: Shown) -> str:
    """The numbers as they are, not rounded; of several tables each has its title before it."""
    tables = answer.tables()
    texts = [table.values().to_csv(index=False, lineterminator="\n") for table in tables]
    if len(tables) == 1:
        return texts[0]
    pairs = zip(tables, texts, strict=True)
    return "\n".join(f"# {one_line(table.title)}\n{text}" for table, text in pairs)


def markdown_of(answer: Shown) -> str:
    """The tables as GitHub reads them, each below its title."""
    parts = [*answer.notes(), *(_markdown(table) for table in _brief(answer))]
    return "\n\n".join(parts) + "\n"


def _markdown(table: Table) -> str:
    headings, rows = _cells(table)
    lines = [
        list(map(_md, headings)),
        ["---:" if column.is_number else "---" for column in table.shown()],
        *([f"**{_md(c.line)}**" if c.best else _md(c.line) for c in row] for row in rows),
    ]
    title = f"**{one_line(table.title)}**" if table.title else ""
    body = "\n".join(f"| {' | '.join(line)} |".replace("\n", " ") for line in lines)
    return "\n\n".join(filter(None, (title, body, *table.caption.splitlines())))


def _md(text: str) -> str:
    return text.replace("|", "\\|")


def latex_of(answer: Shown) -> str:
    """The tables for booktabs, each a ``table`` with its title; what they rest on as comments."""
    told = [
        f"% {line}" for line in ("needs \\usepackage{booktabs}", f"cite: {CITE}", *answer.notes())
    ]
    return "\n".join([*told, *map(_latex, _brief(answer))]) + "\n"


def _latex(table: Table) -> str:
    headings, rows = _cells(table)
    caption = ". ".join(filter(None, (one_line(table.title), *table.caption.splitlines())))
    lines = [" & ".join(map(_tex, headings)), r"\midrule"]
    lines += [
        " & ".join(rf"\textbf{{{_tex(c.line)}}}" if c.best else _tex(c.line) for c in row)
        for row in rows
    ]
    body = "\n".join(line if line == r"\midrule" else rf"{line} \\" for line in lines)
    titled = f"\\caption{{{_tex(caption)}}}\n" if caption else ""
    sides = "".join("r" if column.is_number else "l" for column in table.shown())
    return (
        f"\\begin{{table}}\n\\centering\n{titled}"
        f"\\begin{{tabular}}{{{sides}}}\n\\toprule\n{body}\n\\bottomrule\n\\end{{tabular}}\n"
        "\\end{table}"
    )


def _tex(text: str) -> str:
    return "".join(_LATEX.get(sign, sign) for sign in text)


def html_of(answer: Shown) -> str:
    """The tables for a notebook, with what they rest on below."""
    notes = "".join(f"<div><small>{escape(note)}</small></div>" for note in answer.notes())
    return f"<div>{''.join(map(_html, _brief(answer)))}{notes}</div>"


def _html(table: Table) -> str:
    headings, rows = _cells(table)
    aligned = ['style="text-align: %s"' % ("right" if c.is_number else "left")
               for c in table.shown()]  # fmt: skip
    head = "".join(f"<th {a}>{escape(h)}</th>" for h, a in zip(headings, aligned, strict=True))
    body = "".join(
        "<tr>"
        + "".join(
            f"<td {a}>{f'<b>{escape(c.line)}</b>' if c.best else escape(c.line)}</td>"
            for c, a in zip(row, aligned, strict=True)
        )
        + "</tr>"
        for row in rows
    )
    told = f"<div><small>{escape(one_line(table.caption))}</small></div>" if table.caption else ""
    title = f"<caption>{escape(one_line(table.title))}</caption>"
    return f"<table>{title}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{told}"


def _brief(answer: Shown) -> list[Table]:
    return [table for table in answer.tables() if not table.detail]


def _cells(table: Table) -> tuple[list[str], Sequence[list[Entry]]]:
    """Headings on one line, and the rows."""
    return [one_line(table.heading(column)) for column in table.shown()], list(table.rows())


def _json(answer: Shown) -> str:
    return schema.dumps(answer.payload()) + "\n"


#: The forms of an answer by name.
FORMS: dict[str, Callable[[Shown], str]] = {
    "text": text_of,
    "csv": csv_of,
    "latex": latex_of,
    "markdown": markdown_of,
    "json": _json,
}
