"""A sweep for torchtitan: what each job of :mod:`quokka_laws.architectures.torchtitan` is told of a run of this trainer.

Its learning rates are those of ``components/optimizer/lr_scheduler.py``, where "sqrt" is the cool-down of these runs.
"""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path
from typing import Any

from quokka_laws.architectures.torchtitan import write_package
from reference_trainer.errors import TrainerError
from reference_trainer.export import Stage, refuse, shape, stages, tokenizer, write_facts
from reference_trainer.spec import RunSpec


def write(specs: list[RunSpec], out: Path) -> str:
    """Package, scripts and ``facts.csv``."""
    refuse(specs, ("autoregressive",), "torchtitan")
    if not all(tokenizer(spec) for spec in specs):
        raise TrainerError("torchtitan reads text with a tokenizer: give a corpus or a table with one (--tokenizer)")
    if any(spec.unique_tokens for spec in specs):
        raise TrainerError("torchtitan reads a whole corpus: runs with unique_tokens need a corpus of that size each")
    runs = {spec.run_id: [_job(spec, stage, out) for stage in stages(spec)] for spec in specs}
    write_package(out, runs)
    write_facts(specs, out)
    return (
        f"{sum(map(len, runs.values()))} configurations of {len(specs)} runs: CORPUS=… VALIDATION=… bash {out}/runs/ID.sh; then "
        f"quokka-laws import {out / 'logs'} --facts {out / 'facts.csv'}"
    )


def _job(spec: RunSpec, stage: Stage, out: Path) -> dict[str, Any]:
    folder = stage.name(spec.run_id)
    cooled = stage.kind == "cooled"
    made = dataclasses.asdict(shape(spec))
    begin = f"{spec.run_id}-trunk/checkpoint/step-{stage.begin}" if cooled and stage.begin else ""
    return {
        "name": f"run_{spec.run_id}_{stage.kind}_{stage.end}",
        "run_id": spec.run_id,
        "folder": folder,
        "begin_from": begin,
        "shape": {**made, "kv_heads": made["heads"], "tied": True, "query_key_norm": True},
        "tokenizer": str(_assets(spec, out)),
        "steps": stage.end,
        "evaluated": stage.evaluated,
        "schedule_steps": stage.end if cooled else max(each.end for each in stages(spec)),
        "decay_ratio": (stage.end - stage.begin) / stage.end if cooled else 0.0,
        "warmup_steps": spec.warmup,
        "validation_steps": max(1, spec.eval_sequences // spec.batch),
        "log_every": max(1, min(50, stage.end // 100)),
        **{k: getattr(spec, k) for k in ("batch", "lr", "beta1", "beta2", "weight_decay", "clip", "seed")},
    }


def _assets(spec: RunSpec, out: Path) -> Path:
    """A folder with the tokenizer, as torchtitan wants it."""
    source = Path(tokenizer(spec))
    folder = out / "tokenizers" / source.resolve().parent.name
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, folder / "tokenizer.json")
    return folder.resolve()
