"""A sweep as an array of Slurm jobs, each of which trains a pack of runs with this trainer.

Options of ``sbatch``: https://slurm.schedmd.com/sbatch.html
"""

from __future__ import annotations

import json
from pathlib import Path

from reference_trainer.spec import RunSpec
from reference_trainer.sweep import CUDA_PACK, packs

SCRIPT = """\
#!/bin/bash
#SBATCH --job-name=sweep
#SBATCH --array=0-{last}
#SBATCH --output=logs/%A_%a.log
#SBATCH --open-mode=append
#SBATCH --cpus-per-task=2
#SBATCH --mem=16G
#SBATCH --time=24:00:00
#SBATCH --signal=TERM@120
#SBATCH --requeue
{gpus}# {runs} runs in {jobs} jobs. Submit this from its own folder: mkdir -p logs && sbatch sweep.sbatch
# Two minutes before its end a job saves and stops; submit again until runs/runs.jsonl has all.
set -euo pipefail
export OMP_NUM_THREADS=1
table=$(printf 'jobs/%05d.jsonl' "$SLURM_ARRAY_TASK_ID")
srun python -m reference_trainer sweep "$table" --out runs --device {device} --workers 1 --pack {pack}
"""


def write(specs: list[RunSpec], out: Path, *, device: str = "cuda") -> str:
    """``sweep.sbatch`` and a table of runs per job."""
    cuda = device.startswith("cuda")
    pack = CUDA_PACK if cuda else 1
    jobs = packs(specs, pack)
    (out / "jobs").mkdir()
    (out / "logs").mkdir()
    for number, runs in enumerate(jobs):
        lines = [json.dumps(run.to_dict() | {"corpus": _absolute(run.corpus)}) + "\n" for run in runs]
        (out / "jobs" / f"{number:05}.jsonl").write_text("".join(lines))
    script = SCRIPT.format(
        last=len(jobs) - 1,
        runs=len(specs),
        jobs=len(jobs),
        pack=pack,
        device=device,
        gpus="#SBATCH --gpus=1\n" if cuda else "",
    )
    (out / "sweep.sbatch").write_text(script)
    return f"{len(jobs)} jobs of {len(specs)} runs: cd {out} && sbatch sweep.sbatch; points go to {out / 'runs/runs.jsonl'}"


def _absolute(corpus: str) -> str:
    """Jobs run in another folder; names such as ``synthetic`` stay."""
    return str(Path(corpus).resolve()) if Path(corpus).exists() else corpus
