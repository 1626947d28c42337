"""Training logs as programs print them, read as tables: nanoGPT's, llm.c's, OLMo's, Composer's, Hugging Face's, Keras' and others.

Names of printed numbers mean what they mean as columns of a table, so that units, splits and axes are found as there.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from quokka_laws.importers import dialects, text_logs
from quokka_laws.importers.curves import Curve
from quokka_laws.importers.log_lines import parsed, place
from quokka_laws.importers.log_tables import parted, table_of
from quokka_laws.importers.logs import of_file, runs_of
from quokka_laws.importers.options import Options
from quokka_laws.importers.pairs import counters, losses, pairs
from quokka_laws.runs.remarks import Remark

PROBED = 20000  # lines in which a log says its first steps


def find(root: Path) -> list[Path]:
    """Printed logs below ``root``."""
    return [path for path in text_logs.files(root) if holds(path)]


def holds(path: Path) -> bool:
    """Whether a file holds a log: losses of two steps or epochs, near its beginning."""
    head = text_logs.head(path)
    if _is_json(head):
        return any(losses("", list(pairs(line))) for line in islice(text_logs.lines_of(head), 50))
    log = parsed(islice(text_logs.lines_of(head), PROBED), dialects.of(head), enough=2)
    return len({place(row) for row in log.rows}) >= 2


def _is_json(head: str) -> bool:
    """Whether lines are objects of JSON, which are rows of a table as they are."""
    line = head.lstrip()[:100_000].partition("\n")[0]
    try:
        return line.startswith("{") and isinstance(json.loads(line), dict)
    except ValueError:
        return False


def why_not(path: Path) -> str:
    """What was looked for in a text that is no such log, and what there was; empty for what is no text."""
    found = [list(pairs(line)) for line in islice(text_logs.lines_of(text_logs.head(path)), PROBED)]
    of_loss, of_step = sum(bool(losses("", f)) for f in found), sum(bool(counters("", f)) for f in found)
    return (
        f"{of_loss} of its lines name a loss and {of_step} a step, but no two of them both, as `step 250 | loss 3.21` or "
        "`{'step': 250, 'loss': 3.21}` do; write it so, or as a table with columns step and loss (CSV, JSON lines)"
        if of_loss
        else ""
    )


def read(root: Path, options: Options) -> Iterator[Curve | dict[str, Any]]:
    """Curves of printed logs: a file is a run, unless it names another model, or starts again after it came to its end."""
    for path in options.track(find(root), "logs"):
        name, where = text_logs.run_name(path, root), str(path)
        head = text_logs.head(path)
        if _is_json(head):
            yield from of_file(path, root, root.is_dir(), options)
            continue
        if dialect := dialects.of(head):
            options.note(Remark("dialect", {"name": dialect.name}))
        log = parsed(text_logs.lines(path), dialect)
        for number, (part, facts, unlike) in enumerate(parted(log), 1):
            for fact, values in unlike:
                options.note(
                    Remark("unlike_facts", {"file": where, "name": fact, "values": [f"{v:g}" for v in values]})
                )
            table, known, remarks = table_of(part, facts, where)
            for remark in remarks:
                options.note(remark)
            yield from runs_of(table, name if number == 1 else f"{name}#{number}", where, options, known, part.ended)
