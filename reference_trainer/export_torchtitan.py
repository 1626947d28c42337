"""A sweep for torchtitan: a package of configurations that its ``--module`` and ``--config`` select, and a script per run.

Written for torchtitan 0.3, whose configurations are Python (``torchtitan/config/manager.py``); its learning rates are those
of ``components/optimizer/lr_scheduler.py``, where "sqrt" is the cool-down of these runs.
"""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path
from typing import Any

from reference_trainer.errors import TrainerError
from reference_trainer.export import Stage, refuse, shape, stages, tokenizer, write_facts
from reference_trainer.spec import RunSpec

TEMPLATE = Path(__file__).parent / "templates" / "torchtitan_config_registry.py"
PACKAGE = "sweep_runs"
SCRIPT = """\
#!/usr/bin/env bash
# Run {run_id}. Done jobs are passed over: start it again after a failure. CORPUS and VALIDATION are described in
# {package}/config_registry.py; LAUNCH and OPTIONS (such as --training.local_batch_size 8) are yours to set.
set -euo pipefail
cd "$(dirname "$0")/.."
export PYTHONPATH=$PWD${{PYTHONPATH:+:$PYTHONPATH}}
LAUNCH=${{LAUNCH:-torchrun --standalone --nproc-per-node gpu}}
mkdir -p logs

job() {{ # configuration, folder of its outputs, last step
  if [ -e "outputs/$2/checkpoint/step-$3/.metadata" ]; then return; fi
  $LAUNCH -m torchtitan.train --module {package} --config "$1" ${{OPTIONS:-}} 2>&1 | tee -a "logs/$2.log"
}}

{jobs}
"""


def write(specs: list[RunSpec], out: Path) -> str:
    """Package, scripts and ``facts.csv``."""
    refuse(specs, ("autoregressive",), "torchtitan")
    if not all(tokenizer(spec) for spec in specs):
        raise TrainerError("torchtitan reads text with a tokenizer: give a corpus or a table with one (--tokenizer)")
    if any(spec.unique_tokens for spec in specs):
        raise TrainerError("torchtitan reads a whole corpus: runs with unique_tokens need a corpus of that size each")
    (out / "runs").mkdir()
    (out / PACKAGE).mkdir()
    (out / PACKAGE / "__init__.py").touch()
    shutil.copyfile(TEMPLATE, out / PACKAGE / "config_registry.py")
    jobs = []
    for spec in specs:
        lines = []
        for stage in stages(spec):
            job = _job(spec, stage, out)
            jobs.append(job)
            lines.append(f"job {job['name']} {job['folder']} {stage.end}")
        script = out / "runs" / f"{spec.run_id}.sh"
        script.write_text(SCRIPT.format(run_id=spec.run_id, package=PACKAGE, jobs="\n".join(lines)))
        script.chmod(0o755)
    (out / PACKAGE / "jobs.json").write_text(json.dumps(jobs, indent=1))
    write_facts(specs, out)
    return (
        f"{len(jobs)} configurations of {len(specs)} runs: CORPUS=… VALIDATION=… bash {out}/runs/ID.sh; then "
        f"quokka-laws import {out / 'logs'} --facts {out / 'facts.csv'}"
    )


def _job(spec: RunSpec, stage: Stage, out: Path) -> dict[str, Any]:
    folder = stage.name(spec.run_id)
    cooled = stage.kind == "cooled"
    begin = f"{spec.run_id}-trunk/checkpoint/step-{stage.begin}" if cooled and stage.begin else ""
    return {
        "name": f"run_{spec.run_id}_{stage.kind}_{stage.end}",
        "run_id": spec.run_id,
        "folder": folder,
        "begin_from": begin,
        "shape": dataclasses.asdict(shape(spec)),
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
