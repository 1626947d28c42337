"""Runs for torchtitan: a package of configurations that its ``--module`` and ``--config`` select, and a script per run.

Written for torchtitan 0.3, whose configurations are Python (``torchtitan/config/manager.py``). A run is one or more jobs, each an
entry of ``jobs.json``; a job that is done is passed over when its script is started again.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from quokka_laws.writing import make_folder, write_atomically

TEMPLATE = Path(__file__).parent / "templates" / "torchtitan_config_registry.py.txt"
PACKAGE = "sweep_runs"
SCRIPT = """\
#!/usr/bin/env bash
# Run {run_id}. Done jobs are passed over: start it again after a failure. CORPUS, VALIDATION and TOKENIZER are described in
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


def write_package(out: Path, runs: Mapping[str, Sequence[Mapping[str, Any]]]) -> list[Path]:
    """Package and scripts of runs.

    Parameters
    ----------
    out : Path
        A folder; made if need be.
    runs : mapping of str to sequence of mapping
        Jobs of each run, in the order in which they are done: ``name, run_id, folder, begin_from, shape, tokenizer, steps, evaluated,
        schedule_steps, decay_ratio, warmup_steps, validation_steps, log_every, batch, lr, beta1, beta2, weight_decay, clip, seed``.

    Returns
    -------
    list of Path
        The scripts.
    """
    for folder in (out / PACKAGE, out / "runs"):
        make_folder(folder)
    write_atomically(out / PACKAGE / "__init__.py", "")
    write_atomically(out / PACKAGE / "config_registry.py", TEMPLATE.read_text(encoding="utf-8"))
    scripts = []
    for run_id, jobs in runs.items():
        lines = "\n".join(f"job {job['name']} {job['folder']} {job['steps']}" for job in jobs)
        script = out / "runs" / f"{run_id}.sh"
        write_atomically(script, SCRIPT.format(run_id=run_id, package=PACKAGE, jobs=lines))
        script.chmod(0o755)
        scripts.append(script)
    every = [dict(job) for jobs in runs.values() for job in jobs]
    write_atomically(out / PACKAGE / "jobs.json", json.dumps(every, indent=1))
    return scripts
