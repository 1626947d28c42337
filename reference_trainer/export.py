"""A sweep for other trainers: the same runs as configurations of torchtitan or Megatron, or as a Slurm array of this one.

A run is a trunk at constant learning rate and branches that cool down from it (:mod:`reference_trainer.train`). Where a
trainer knows only schedules, each becomes a job: segments of the trunk, which end where a branch departs or an
evaluation is asked for, and one job per branch, which begins from the trunk's checkpoint there.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from reference_trainer import schedule
from reference_trainer.corpus import load_tokenizer
from reference_trainer.errors import TrainerError
from reference_trainer.model import Shape, counts
from reference_trainer.shards import Index, is_shards, tokenizer_file
from reference_trainer.spec import RunSpec

PLAIN = {"weighting": "elbo", "curriculum": "none", "init": "normal-0.02", "early_stop": 0.0}


@dataclass(frozen=True)
class Stage:
    """A job: training from one step to another.

    Parameters
    ----------
    kind : str
        ``"trunk"`` or ``"cooled"``.
    begin, end : int
        Steps. A branch begins from the trunk's checkpoint at ``begin``; a segment of the trunk from where the last ended.
    evaluated : bool
        Whether a loss is wanted at the end.
    """

    kind: str
    begin: int
    end: int
    evaluated: bool

    def name(self, run_id: str) -> str:
        """What checkpoints and logs of the job are called."""
        return f"{run_id}-trunk" if self.kind == "trunk" else f"{run_id}-cooled-{self.end}"


def stages(spec: RunSpec) -> list[Stage]:
    """Jobs of a run in the order in which they can be done: the trunk's segments, then its branches."""
    evaluated = schedule.ends(spec, "trunk")
    branches = [
        Stage("cooled", schedule.departure(spec, end), end, True) for end in sorted(schedule.ends(spec, "cooled"))
    ]
    marks = sorted({*evaluated, *(branch.begin for branch in branches)})
    trunk = [
        Stage("trunk", begin, end, end in evaluated) for begin, end in zip([0, *marks], marks, strict=False) if end
    ]
    return [*trunk, *branches]


def vocabulary(spec: RunSpec) -> int:
    """Of the corpus of a run, without reading it."""
    if is_shards(spec.corpus):
        return int(Index.read(Path(spec.corpus)).data["vocabulary"])
    return int(load_tokenizer(spec.tokenizer).get_vocab_size()) if spec.tokenizer else 256


def shape(spec: RunSpec) -> Shape:
    """Architecture of a run."""
    return spec.shape(vocabulary(spec))


def tokenizer(spec: RunSpec) -> str:
    """Path of the tokenizer file of a run, or nothing."""
    return spec.tokenizer or tokenizer_file(spec.corpus) or ""


def refuse(specs: Sequence[RunSpec], objectives: Sequence[str], trainer: str) -> None:
    """Runs that another trainer cannot repeat, all at once.

    Raises
    ------
    TrainerError
        With one reason for each kind.
    """
    faults = []
    for name, wanted in ({"objective": objectives} | {k: (v,) for k, v in PLAIN.items()}).items():
        if other := sorted({str(getattr(s, name)) for s in specs if getattr(s, name) not in wanted}):
            faults.append(f"{name} {', '.join(other)} ({' or '.join(map(str, wanted))} can be exported)")
    if faults:
        raise TrainerError(f"{trainer} has no counterpart of {'; of '.join(faults)}")


def write_facts(specs: Iterable[RunSpec], out: Path) -> None:
    """``facts.csv``: what ``quokka-laws import --facts`` needs to know of every job whose log it will read."""
    with (out / "facts.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["run_id", "N", "D", "U_D"])
        for spec in specs:
            N = counts(shape(spec))["N_total"]
            for name, end in {s.name(spec.run_id): s.end for s in stages(spec)}.items():
                D = end * spec.tokens_per_step
                table.writerow([name, N, D, min(D, spec.unique_tokens) if spec.unique_tokens else ""])


def export(specs: Sequence[RunSpec], trainer: str, out: Path, *, device: str = "cuda") -> str:
    """Write a folder of configurations; returns a sentence on how to use them.

    Parameters
    ----------
    trainer : {"torchtitan", "megatron", "slurm"}

    Raises
    ------
    TrainerError
        When a run cannot be done there, or the folder is not empty.
    """
    from reference_trainer import export_megatron, export_slurm, export_torchtitan

    writers: dict[str, Callable[[list[RunSpec], Path], str]] = {
        "torchtitan": export_torchtitan.write,
        "megatron": export_megatron.write,
        "slurm": lambda runs, folder: export_slurm.write(runs, folder, device=device),
    }
    if out.exists() and any(out.iterdir()):
        raise TrainerError(f"{out} is not empty; export to another folder")
    unique = list({spec.run_id: spec for spec in specs}.values())
    if not unique:
        raise TrainerError("there are no runs to export")
    out.mkdir(parents=True, exist_ok=True)
    return writers[trainer](unique, out)
