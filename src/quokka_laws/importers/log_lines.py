"""The rows and facts that the lines of a printed log say.

A line that says a loss and a step is a row. Losses printed below a line that says a step (``[step=10/1000]``), or alone on a
line (``val loss 3.19``), belong to the step said last. What else is said, such as the number of parameters, is a fact.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from quokka_laws.importers.dialects import Dialect
from quokka_laws.importers.pairs import Pair, alone, counters, facts, losses, others, pairs, rank
from quokka_laws.runs.words import is_loss

BROKEN = re.compile(
    r"^Traceback \(most recent|\bCANCELLED AT\b|OutOfMemoryError|CUDA out of memory|^Killed\b|Segmentation fault"
)

Row = dict[str, Any]


@dataclass
class Log:
    """What a run, or several, printed.

    Parameters
    ----------
    rows : list of dict
        A row per line (or block of lines) that says a loss: counters, losses and what else is logged by step.
    facts : list of (int, str, float)
        What is said of the whole run, with the number of rows before it.
    bars : list of dict
        For each row the progress bars without a loss that were drawn before it: end → step.
    ended : str
        Why the run broke off, as its last lines say; empty otherwise.
    cut : bool
        Whether the last row was being written: its line has no end, and fewer digits than the others.
    """

    rows: list[Row] = field(default_factory=list)
    facts: list[tuple[int, str, float]] = field(default_factory=list)
    bars: list[dict[int, int]] = field(default_factory=list)
    ended: str = ""
    cut: bool = False


def parsed(lines: Iterable[str], dialect: Dialect | None = None, enough: int | None = None) -> Log:
    """The rows and facts of lines; of the first ones only, if so many different steps or epochs are ``enough``."""
    reading, line = _Reading(Log()), "\n"
    steps = set[Any]()
    for line in lines:
        reading.line(dialect.rewritten(line) if dialect else line)
        if enough and len(reading.log.rows) > len(steps):
            steps |= {place(row) for row in reading.log.rows}
            if len(steps) >= enough:
                break
    reading.log.cut = reading.short and not line.endswith("\n")
    return reading.log


def place(row: Row) -> Any:
    """What tells a row from the next: its step, else its epoch, else what it counts."""
    known = row.get("step", row.get("iter", row.get("epoch")))
    return known if known is not None else tuple(v for k, v in row.items() if not is_loss(k))


@dataclass
class _Reading:
    """Where the reading of a log is: the step and the epoch that were said last, and the block of lines it is in."""

    log: Log
    at: Row = field(default_factory=dict)
    epoch: Row = field(default_factory=dict)
    blocks: bool = False  # whether this program prints steps above their values
    block: Row = field(default_factory=dict)
    drawn: dict[int, int] = field(default_factory=dict)
    decimals: dict[str, int] = field(default_factory=dict)  # the fewest that a number of each name was written with
    short: bool = False  # whether the last line wrote fewer

    def line(self, line: str) -> None:
        """Take in a line."""
        found = list(pairs(line))
        counted, logged = counters(line, found), losses(line, found)
        self.short = False
        if self.blocks and line[:1].isspace() and len(found) == 1 and not counted:
            self._inside({**logged, **others(found)})
        elif logged and (counted or others(found)):
            if "step" in counted or "iter" in counted:
                self.at = counted
            process = {} if (number := rank(line)) is None else {"rank": number}
            self._add({**self.epoch, **counted, **logged, **others(found), **process})
            self._measure(found)
        elif logged and self.at and alone(line, found):
            self._add({**self.epoch, **self.at, **logged})
            self._measure(found)
        elif counted:
            self._heading(line, counted, found)
        else:
            self._aside(line, found)

    def _add(self, row: Row) -> None:
        self.log.rows.append(row)
        self.log.bars.append(dict(self.drawn))
        self.log.ended = ""

    def _measure(self, found: list[Pair]) -> None:
        """Compare how the losses are written with how they were before."""
        for pair in found:
            digits = len(pair.text.partition(".")[2])
            self.short |= digits < self.decimals.get(pair.name, 0)
            self.decimals[pair.name] = min(digits, self.decimals.get(pair.name, digits))

    def _inside(self, values: Row) -> None:
        """A line below one that said a step."""
        self.block.update(values)
        if any(map(is_loss, values)) and not (self.log.rows and self.log.rows[-1] is self.block):
            self._add(self.block)

    def _heading(self, line: str, counted: Row, found: list[Pair]) -> None:
        """A line that says a step or an epoch, and no loss."""
        if counted.keys() <= {"epoch"}:
            self.epoch = counted
        elif counted.get("bar"):
            self.drawn[int(counted["end"])] = int(counted["step"])
        else:
            self.blocks |= "[step=" in line or ",step=" in line
            self.at, self.block = counted, {**self.epoch, **counted, **others(found)}

    def _aside(self, line: str, found: list[Pair]) -> None:
        """Any other line."""
        self.block = dict(self.at)
        self.log.facts += [(len(self.log.rows), *fact) for fact in facts(line, found)]
        if BROKEN.search(line) and self.log.rows:
            self.log.ended = f"its log ends in {line.strip()[:60]!r}"
