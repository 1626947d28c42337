r"""Tables pasted from papers, notebooks and terminals: LaTeX, Markdown, and boxes drawn with bars.

A ``tabular`` of LaTeX, a table of Markdown inside a page of text, what polars, duckdb, psql, MySQL and reStructuredText
print. Markup of cells is taken off (``\textbf{3.1}``, ``**3.1**``, ``$7\times10^9$``); a cell that spans rows stands in each.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from typing import Any

from quokka_laws.runs import words

Cells = tuple[int, list[str]]
"""A row: the line where it begins, from 1, and its cells."""

_BARS = str.maketrans(dict.fromkeys("│┃┆┇┊║", "|"))
_RULE = re.compile(r"[\s|+:=\-─━═╌┄┈┼╪╋╞╡├┤┝┥┠┨┌┬┐└┴┘╭╮╰╯╔╦╗╠╬╣╚╩╝┏┳┓┣┫┗┻┛╇╤╧╟╢╫]+")
_TYPES = frozenset(
    [
        "f64",
        "f32",
        "i64",
        "i32",
        "i16",
        "i8",
        "u64",
        "u32",
        "u16",
        "u8",
        "str",
        "bool",
        "cat",
        "double",
        "float",
        "int64",
        "int32",
        "bigint",
        "integer",
        "varchar",
        "boolean",
        "dbl",
        "int",
        "chr",
        "lgl",
        "<dbl>",
        "<int>",
        "<chr>",
        "---",
        "date",
        "timestamp",
    ]
)  # under the header of a printed table
_TABULAR = re.compile(r"\\begin\{(tabular[x*]?|longtable|array)\}(.*?)\\end\{\1\}", re.DOTALL)
_COMMENT = re.compile(r"(?<!\\)%.*")
_RULES = re.compile(
    r"\\(?:hline|toprule|midrule|bottomrule|addlinespace|endhead|endfirsthead|endfoot|endlastfoot)(?:\[[^\]]*\])?"
    r"|\\c(?:mid)?(?:rule|line)(?:\([^)]*\))?\{[^}]*\}|\\rowcolor\{[^}]*\}"
)
_SPAN = re.compile(r"\\multi(column|row)\{(\d+)\}\{[^}]*\}\{(.*)\}$", re.DOTALL)
_WRAPPED = re.compile(
    r"\\(?:textbf|textit|emph|underline|mathbf|mathrm|mathit|text|textrm|textsc|texttt|num|makecell|thead|bm|bf|boldsymbol)"
    r"(?:\[[^\]]*\])?\{([^{}]*)\}"
)
_SIGNS = (
    (r"\\times", "×"), (r"\\cdot", "·"), (r"\\pm", " ± "), (r"\\approx|\\sim", "~"), (r"\\d?dag(?:ger)?\b", "†"),
    (r"\\[,;:! ]|~(?=\S)|\\quad", " "), (r"\\\\", " "), (r"\\([%_#&$])", r"\1"), (r"\{,\}", ","), (r"\^\{([^{}]*)\}", r"^\1"),
    (r"\^([*†‡])", r"\1"), (r"\\[A-Za-z]+", " "), (r"[${}]", ""),
)  # fmt: skip
_MARKED = (
    (r"<br\s*/?>", " "), (r"</?(?:b|i|sub|sup|strong|em)>", ""), (r"\[([^\]]*)\]\([^)]*\)", r"\1"), (r"\*\*(.+?)\*\*", r"\1"),
    (r"__(.+?)__", r"\1"), (r"`(.+?)`", r"\1"), (r"^[*_](.+?)[*_]$", r"\1"),
)  # fmt: skip


def pasted(lines: Sequence[str], remarks: list[dict[str, Any]]) -> list[Cells] | None:
    """The rows of a pasted table; None where the text is none."""
    if any("\\begin{" in line for line in lines) or sum(line.rstrip().endswith("\\\\") for line in lines) > 1:
        rows, said = _latex("\n".join(lines), remarks), {"code": "pasted", "kind": "LaTeX"}
    else:
        rows, said = _barred(lines, remarks), {"code": "separator", "mark": "bars"}
    remarks += [said] if rows is not None else []
    return rows


def _the_one(tables: list[list[Cells]], remarks: list[dict[str, Any]]) -> list[Cells] | None:
    """The first table with a loss among its names, else the first; the others are said."""
    if not tables:
        return None
    best = next((t for t in tables if any(words.is_loss(c) for c in t[0][1])), tables[0])
    if len(tables) > 1:
        remarks.append(
            {"code": "other_tables", "line": best[0][0], "lines": [t[0][0] for t in tables if t is not best]}
        )
    return best


# ---- bars ---------------------------------------------------------------------------------------------------------


def _barred(lines: Sequence[str], remarks: list[dict[str, Any]]) -> list[Cells] | None:
    """Tables whose header has a rule under it; what stands around them is no part of them."""
    blocks: list[list[tuple[int, str]]] = [[]]
    for number, line in enumerate((line.translate(_BARS) for line in lines), 1):
        if line.strip() and ("|" in line or _RULE.fullmatch(line)):
            blocks[-1].append((number, line))
        elif blocks[-1]:
            blocks.append([])
    tables = [rows for block in blocks if (rows := _block(block))]
    found = _the_one(tables, remarks)
    if found is not None:
        inside = {number for number, _ in found}
        outside = [i for i, line in enumerate(lines, 1) if line.strip() and not min(inside) - 2 <= i <= max(inside) + 1]
        if outside and len(tables) == 1:
            remarks.append({"code": "around", "n": len(outside)})
    return found


def _block(block: list[tuple[int, str]]) -> list[Cells]:
    rules = [i for i, (_, line) in enumerate(block) if _RULE.fullmatch(line)]
    rows = [(n, _cells(line)) for i, (n, line) in enumerate(block) if i not in rules]
    rows = [(n, cells) for n, cells in rows if not set(filter(None, cells)) <= _TYPES]
    widths = Counter(len(cells) for _, cells in rows)
    under = any(
        0 < i < len(block) - 1 and ("|" in block[i][1] or "+" in block[i][1] or not block[i][1].isascii())
        for i in rules
    )
    return rows if under and len(rows) > 1 and max(widths) > 1 else []


def _cells(line: str) -> list[str]:
    inner = line.strip().removeprefix("|")
    inner = inner[:-1] if inner.endswith("|") and not inner.endswith("\\|") else inner
    return [_bare(cell) for cell in re.split(r"(?<!\\)\|", inner)]


def _bare(cell: str) -> str:
    """A cell of Markdown without its markup."""
    text = cell.strip()
    for pattern, plain in _MARKED:
        text = re.sub(pattern, plain, text)
    return _without_latex(text) if ("$" in text and "\\" in text) or re.fullmatch(r"\$.*\$", text) else text.strip()


# ---- LaTeX --------------------------------------------------------------------------------------------------------


def _latex(text: str, remarks: list[dict[str, Any]]) -> list[Cells] | None:
    plain = _COMMENT.sub("", text)
    found = [(match.start(2), match[2]) for match in _TABULAR.finditer(plain)] or [(0, plain)]
    tables = [rows for start, inner in found if len(rows := _tabular(inner, plain.count("\n", 0, start) + 1)) > 1]
    return _the_one(tables, remarks)


def _tabular(inner: str, line: int) -> list[Cells]:
    """Rows between ``\\\\``, cells between ``&``; cells over several columns or rows stand where they span."""
    while inner.lstrip().startswith(("{", "[")):  # the columns, the width
        line += inner.count("\n") - (inner := _after_group(inner.lstrip())).count("\n")
    rows: list[Cells] = []
    spans: dict[int, tuple[int, str]] = {}
    for part in _parts(_RULES.sub(" ", inner), r"\\\\(?:\[[^\]]*\])?"):
        first = line + part[: len(part) - len(part.lstrip())].count("\n")
        line += part.count("\n")
        if not part.strip():
            continue
        cells: list[str] = []
        for cell in _parts(part, r"(?<!\\)&"):
            span = _SPAN.fullmatch(cell.strip())
            shown = _without_latex(span[3] if span else cell)
            if not shown and spans.get(len(cells), (0, ""))[0]:
                shown = spans[len(cells)][1]
            if span and span[1] == "row":
                spans[len(cells)] = (int(span[2]), shown)
            cells += [shown] + [""] * (int(span[2]) - 1 if span and span[1] == "column" else 0)
        spans = {j: (left - 1, shown) for j, (left, shown) in spans.items()}
        if any(cells) and len(cells) > 1:
            rows.append((first, cells))
    return rows


def _parts(text: str, mark: str) -> list[str]:
    """Text between marks that stand in no braces."""
    parts, depth, start = [], 0, 0
    for found in re.finditer(rf"\\[{{}}]|[{{}}]|(?P<mark>{mark})", text):
        if found["mark"] and depth == 0:
            parts.append(text[start : found.start()])
            start = found.end()
        depth += {"{": 1, "}": -1}.get(found[0], 0)
    return [*parts, text[start:]]


def _after_group(text: str) -> str:
    """What follows the brackets or braces that a text begins with."""
    depth = 0
    for i, letter in enumerate(text):
        depth += {"{": 1, "[": 1, "}": -1, "]": -1}.get(letter, 0)
        if depth == 0:
            return text[i + 1 :]
    return ""


def _without_latex(cell: str) -> str:
    text = cell.strip()
    while (plain := _WRAPPED.sub(r"\1", text)) != text:
        text = plain
    for pattern, sign in _SIGNS:
        text = re.sub(pattern, sign, text)
    return re.sub(r"\s+", " ", text).strip()
