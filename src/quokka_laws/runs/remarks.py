"""What was noticed, changed, left out or refused: values inside, sentences only here.

A remark is a code with its facts. Readers and checks make them, ``runs.attrs`` carries them as plain data, and
:func:`sentence` is the one place where they become text. What to try is data, too: arguments of
:func:`quokka_laws.read_runs`, shown as Python in the library and as options in the command line.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from quokka_laws._expression_tree import quoted
from quokka_laws._spelling import either, option
from quokka_laws.runs import file_remarks

LISTED = 8  # rows or names in a sentence before "and … more"
ROUTINE = frozenset({"read_as", "derived"}) | file_remarks.ROUTINE
"""Codes that only say what any reader would expect: a column's other name, a column that follows from others."""


@dataclass(frozen=True)
class Remark:
    """One thing about a table or a run: ``code``, the ``facts`` of its sentence, the ``rows`` by name, and ``advice``.

    ``advice`` holds arguments of :func:`quokka_laws.read_runs` that were checked to help; several are alternatives.
    """

    code: str
    facts: Mapping[str, Any] = field(default_factory=dict)
    rows: tuple[str, ...] = ()
    advice: tuple[Mapping[str, Any], ...] = ()

    @property
    def routine(self) -> bool:
        """Whether it is of interest only to who asks."""
        return self.code in ROUTINE

    def to_dict(self) -> dict[str, Any]:
        """As plain data, for ``attrs`` and files."""
        plain: dict[str, Any] = {"code": self.code, **self.facts}
        plain |= {"rows": list(self.rows)} if self.rows else {}
        return plain | ({"advice": [_plain(one) for one in self.advice]} if self.advice else {})

    @classmethod
    def from_dict(cls, data: Mapping[str, Any] | str) -> Remark:
        """From plain data; text, as older files hold it, stays as it is."""
        if isinstance(data, str):
            return cls("text", {"text": data})
        facts = {k: v for k, v in data.items() if k not in ("code", "rows", "advice")}
        return cls(
            str(data.get("code", "text")), facts, tuple(map(str, data.get("rows", ()))), tuple(data.get("advice", ()))
        )

    def __str__(self) -> str:
        return sentence(self)


SENTENCES = file_remarks.SENTENCES | {
    "text": "{text}",
    # ---- columns
    "read_as": "column {column!r} read as {name}",
    "derived": "{name} derived as {how}",
    "derived_in": "{name} is empty in {rows}: derived as {how}",
    "chosen": "{name} was taken from {column!r}, not from {others}",
    "scaled": "{name} multiplied by {factor:g}",
    "made": "{name} computed as {formula}",
    "sized": "sizes were read from the names in {column!r} ({example!r}: {size:.3g}); names round: a column of counts is better",
    "unlogged": "{name} is {base} to the power of {column!r}",
    "same_column": "{file}: column {column!r} is {name!r} of the first file",
    "checkpoints": "{column!r} rises with the tokens of each {called}: its rows are checkpoints of one run, {n} runs in all",
    "counted_by_part": (
        "parameters are counted by part: N was taken from {column!r}, embeddings included ({embeddings} are {low:.0%} to "
        "{high:.0%} of it): without them N is smaller by that, and the exponents differ"
    ),
    "counted_twice": (
        "N was taken from {column!r} and not from {other!r}, which is {range} times as large: with it "
        "every N of an answer is larger by that, and the exponents differ where the ratio does"
    ),
    "active_and_total": (
        "a mixture of experts: N was taken from {column!r}, the active parameters, since FLOPs follow them; {other!r} is "
        "{range} times as large, and so would be N and C = 6·N·D if N counted all"
    ),
    "total_of_experts": (
        "the table has {column!r}, so runs are mixtures of experts, but no count of active parameters: C = 6·N·D takes "
        "every parameter for an active one"
    ),
    "log_loss": (
        "{column!r} is taken for the cross-entropy, which is also called log loss. If it is a logarithm of the loss: {advice}"
    ),
    "other_losses": "the loss is {column!r}; not used: {others}",
    "empty_columns": "columns without any value were left out: {columns}",
    "summed_from_parts": "{name} is the sum of {columns}",
    "turned": "the table lies on its side: names of columns were read from {column!r}",
    "by_metric": "{key!r} names what {value!r} holds: a column was made for each",
    "by_split": "{column!r} tells training from validation: a column of {loss!r} was made for each",
    "by_seed": "columns {columns} hold {loss!r} of one seed each: a row was made for each",
    "by_size": "columns {columns} hold {loss!r} of one {name} each: a row was made for each",
    # ---- units
    "converted": "loss converted from {unit} to {into} ({how})",
    "kept_unit": "{column!r} is in {unit}, and is fitted as it is: results are {unit}, not nats/token",
    "stated_against_name": "{column!r} is called {unit}, and was taken as {stated}, as stated",
    # ---- rows
    "several_files": "{count} files read as one table",
    "empty_rows": "{n} rows without any value were skipped",
    "unseen_data": "U_D exceeds D in {rows}: taken as D, for tokens that were never seen do not count",
    "partial_epoch": "epochs is below 1 in {rows}: taken as 1 and U_D as D, for nothing was repeated",
    "seeds": "{n} rows of one name at the same size and tokens are runs of their own ({rows}): numbered, as with seeds",
    "unknown_state": "column {column!r} says {words}, which is no state that is known: such rows are used",
    "noted": "{column!r} says {text!r} and the like in {rows}: such rows are used; to leave them out, {advice}",
    "noted_only": "{column!r} says {text!r} and the like in {rows}: such rows are used",
    "sweep": (
        "{cells} of {of} pairs of N and D hold several runs that differ in {columns}, and whose losses spread by up to "
        "{spread:.2%}: a law of N and D describes the best of each{instead}"
    ),
    "best_of": "the lowest of each N and D over {by}: {kept} of {of} rows",
    "frontier": "losses are the fitted lowest of each N and D over {by}: {kept} of {of} pairs, from {runs} runs",
    "beyond_sweep": "the loss still falls where the sweep of its N and D ends",
    "no_bowl": "no lowest point within the sweep of its N and D",
    "few_in_cell": "too few runs at its N and D for a fitted lowest loss",
    "best_at_edge": (
        "the lowest lies at the edge of its sweep of {column} in {n} of {of} pairs of N and D ({where}): the best may lie beyond"
    ),
    "best_bias": (
        "the lowest of {k:g} noisy runs is too low by about {bias:.2g} on average (noise of one run {noise:.2g}); where sweeps "
        "are alike this is the same for every pair and moves little but the irreducible loss"
    ),
    "best_noise_unknown": (
        "how much too low the lowest of several noisy runs is cannot be said: no runs differ by their seed alone, and no sweep "
        "has five points"
    ),
    # ---- rows left out
    "state": "{column} {word}",
    "state_because": "{column} {word}: {why}",
    "summary": "its name is {word!r}: a summary of other rows",
    "no_number": "{column} is {value!r}",
    "empty": "{column} is empty",
    "not_positive": "{column} is {value:g}, not a positive finite number",
    "condition": "{reason}",
    "phase": "phase {phase}: never fitted together with {wanted} losses",
    "not_best": "not the lowest of its N and D",
    "few_unique": "{n} runs with U_D < {least:g}·N left out",
    "other_stages": "{n} checkpoints of other stages left out ({kept} kept)",
    # ---- faults of a table
    "equal_names": "{columns} heads more than one column; give each column a name of its own",
    "no_loss": "no column holds the loss; the table has {names}. Say {advice}",
    "no_names": (
        "the table names no columns, so they are called by their places: {names}. Say which is which, {advice}, or write the "
        "names as the first row"
    ),
    "logs_inside": (
        "column {columns} holds a log for each run, not one loss; turn the logs into a table of runs: quokka-laws import FILE"
    ),
    "several_losses": "columns {names} could all be the loss; say which: {advice}",
    "ambiguous": "columns {names} could all be {name}; say which: {advice}",
    "not_canonical": "columns: {name!r} is not a canonical name ({known})",
    "turned_names": "columns: {name!r} is a column of the table; canonical names ({known}) come first: {advice}",
    "no_column": "columns: the table has no column {column!r} for {name}; it has {names}",
    "no_usable_rows": "none of {n} rows can be used: {reasons}",
    "negative_loss": "column {column!r} is negative throughout, as a log-likelihood is: minus it is the loss. Say {advice}",
    "no_rows_left": "drop and keep leave no rows ({n} excluded)",
    "flops": (
        "column C differs from {rule} by more than {tolerance:.0%} in {rows} (C/rule is {low:.3g} to {high:.3g}; C/(N·D) is "
        "{least:.3g} to {most:.3g}; read: {read}). Say {advice}"
    ),
    "started_over": (
        "column {column} is far below zero in {rows}: whole numbers of 32 or 64 bits start over where they end (2.1e9, 9.2e18), so that "
        "more of it may be wrong. Write it anew from floating-point numbers"
    ),
    "overflow": (
        "column {column} is {formula} in whole numbers of {bits} bits, which end at {most:.2g} and start over: it is "
        "wrong in {rows}. Compute it anew, {advice}"
    ),
    "epochs": (
        "epochs contradicts D/U_D by more than {tolerance:.0%} in {rows} (epochs·U_D/D is {low:.3g} to {high:.3g}); D counts "
        "tokens seen, repetitions included"
    ),
    "mixed_units": (
        "column {column} mixes units: values up to {below:g} and from {above:g} with none between (see {rows}); write all "
        "in ones, or with a unit: 125M, 1.3B"
    ),
    "wrong_unit": (
        "column {column} holds {low:g} to {high:g}, which are no counts of {what}; if they are millions or billions, write "
        "them as 20M and 1.5B, or say {advice}"
    ),
    "duplicates": (
        "{n} rows agree with another in every column ({rows}). Keep one of each, {advice}, or give repeated runs a seed or "
        "run_id column of their own"
    ),
    "accuracy": (
        "column {column!r} is an accuracy: it rises as models improve, and a law of loss falls. To fit the share of "
        "errors, 1 - accuracy: {advice}"
    ),
    "no_perplexity": "column {column!r} is called a perplexity, but is below 1 in {rows}. If it is the loss as it is: {advice}",
    "unknown_unit": "loss_unit {unit!r} is not known; use one of {known}",
    # ---- logs
    "tokens_per_step": "{column!r} = {value:g} is taken for the tokens of a step",
    "not_used": "{column!r} is the loss; not used: {others}",
    "replaced": (
        "steps go back from {last:g} to {first:g}: {n} losses from before were replaced (a resumed run; two runs of one "
        "name must be renamed)"
    ),
    "replaced_events": (
        "steps go back: {n} logged before were replaced (a resumed run; two runs in one folder must be parted)"
    ),
    "unordered": "rows were not in the order of steps; {n} repeated steps left out",
    "noisy": "noisy: one logged loss is good to ±{jump:.2g}; average with last:K or smooth:W",
    "narrow_window": "a window of {window} steps holds a single logged loss: nothing is averaged",
    "gap": "no {metric} between steps {first:g} and {last:g} (usually every {usual:g})",
    "tokens_fall": "tokens seen go down somewhere: are they tokens of one step? then give --tokens-per-step",
    "sampled": "{n} rows at irregular steps: a sample of the history; {full}",
    "averaged": (
        "{where}: points of {n} runs are averages over stretches of steps (__MIN and __MAX differ from them), which lag "
        "behind the loss; {full}"
    ),
    "short_history": "the history ends at step {got:g}, W&B says {last}",
    "damaged": "{file} is cut off or damaged after {read:,} of {size:,} bytes; copy the file again",
    "planned": (
        "{ratio:.3g} times the tokens per step of most runs, if it saw all that were planned: did it stop early?"
    ),
    "written_twice": "{file} holds the run of {other} once more: read once",
    "renamed": "{name} is the name of {n} runs: they became {names}",
    "another": "another run is called {name}: it became {became}",
    "scores_without_loss": (
        "these results hold scores and no loss of training: give a table of run_id, N, D and loss with --facts"
    ),
    "unmatched": "{n} of {of} run names do not match {pattern!r}: {names}",
    "points": (
        "{where}: no column of steps, so every row is a point; if rows are one run's log, say --columns step=NAME"
    ),
    "one_row_a_run": "{where}: one row for each of {n} runs, told apart by {column}",
    "axis": "{where}: the axis is {column!r}, {kind}; steps are those of {used!r} beside it",
    "axis_tokens": "{where}: the axis is {column!r}, tokens; a run is what rises along it",
    "axis_converted": "{column!r} counts {kind}: {factor:g} tokens each ({source})",
    "at_the_end": "{metric} was logged once, at step {step:g}: taken for the end of the run, step {end:g}",
    "through_epochs": "{file}: {column} starts again with every epoch: counted through, {n:g} steps an epoch",
    "dialect": "read as a log of {name}",
    "one_process": "{file}: {n} processes printed their losses: those of rank {rank} were taken",
    "not_imported": "{n} printed logs beside the tables were not read ({names} …); to read them instead: {how}",
    "cut_line": "{file}: the last line is not whole: it was left out",
    "unlike_facts": "{file}: {name} is printed as {values} before the first step: none was taken",
    "steps_by_bar": "{file}: steps are those of the progress bar before each line",
    "steps_by_epoch": "{file}: steps follow from the epochs, {n:.6g} steps each",
    "without_step": "{n} rows without a step stand where they were logged",
    "by_epoch": "{metric} is logged by epoch, other series by step: epoch {epochs:g} is taken for step {end:g}",
    "from_zero": "steps are counted from 0: the last, {last:g} of {steps:g}, ends step {steps:g}",
    "series": "sub-folders {folders} are series of this run (TensorBoard's add_scalars), not runs",
    "other_axis": "series on another axis than {metric} do not tell where the run ends: {names}",
    "accepted": "{status} (accepted): {reason}",
    "state_of": "{source} calls the run {word}",
    "cut_off": "its log is cut off",
    "one_point": "the value is the only one of its run in the table",
}


def sentence(remark: Remark) -> str:
    """A remark as text."""
    facts = {k: ", ".join(map(str, v)) if isinstance(v, list | tuple) else v for k, v in remark.facts.items()}
    facts |= {"rows": named(remark.rows), "advice": tried(remark.advice)}
    if remark.code == "sweep":
        facts["instead"] = _instead(remark.facts.get("columns", ()), remark.facts.get("kinds", {}))
    template = SENTENCES.get(remark.code)
    where = f"{facts['file']}: " if remark.code in file_remarks.SENTENCES and facts.get("file") else ""
    return where + (template.format_map(_Open(facts)) if template else f"{remark.code}: {facts}")


def _instead(columns: Sequence[str], kinds: Mapping[str, Sequence[str]]) -> str:
    """How to fit the best of each N and D: one kind of run at a time, at its best settings."""
    numbers = [c for c in columns if c not in kinds]
    said = []
    for column, found in list(kinds.items())[:1]:
        speedup = either(
            f"ql.speedup(runs, by={column!r}, baseline={found[0]!r})",
            f"`quokka-laws speedup RUNS --by {column} --baseline {found[0]}"
            + (f" --frontier {','.join(numbers)}`" if numbers else "`"),
        )
        said.append(
            f"Take one {column} at a time, {option('keep', f'{quoted(column)} == {found[0]!r}')}; {speedup} compares them"
        )
    if numbers:
        fitted = either(f"ql.fit(runs, frontier={numbers!r})", f"--frontier {','.join(numbers)}")
        lowest = f"for the fitted lowest over {', '.join(numbers)}, or {option('best_of', tuple(numbers))} for the lowest run"
        said.append(f"Say {fitted} {lowest}")
    return "".join(f". {one}" for one in said)


class _Open(dict[str, Any]):
    """Facts of a file of another version may lack some."""

    def __missing__(self, key: str) -> Any:
        return _Missing(key)


class _Missing(str):
    def __format__(self, spec: str) -> str:
        return f"({self!s} unknown)"


def _plain(advice: Mapping[str, Any]) -> dict[str, Any]:
    return {k: list(v) if isinstance(v, tuple) else v for k, v in advice.items()}


def named(rows: Iterable[str]) -> str:
    """Rows by name, the first few of many: ``rows 3, 7 (base-30M) and 4 more``."""
    listed = list(rows)
    shown = ", ".join(listed[:LISTED]) + (f" and {len(listed) - LISTED} more" if len(listed) > LISTED else "")
    return f"row{'s' if len(listed) != 1 else ''} {shown}"


def row_of(record: Mapping[str, Any]) -> str:
    """The row of a record of what was left out, by number and name: ``row 3 (base-30M)``; its run where it has no number."""
    name = record.get("name") or record.get("run_id")
    if record.get("row") is None:
        return f"run {name}" if name else "a row"
    return f"row {record['row']}" + (f" ({name})" if name else "")


def tried(advice: Iterable[Mapping[str, Any]]) -> str:
    """What to try, as the door that is used spells it; alternatives are joined by ``or``."""
    return ", or ".join(" ".join(option(k, v) for k, v in one.items()) for one in advice)
