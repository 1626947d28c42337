"""A sweep for Megatron-LM, or for MegaDLMs where the objective is masked diffusion: a shell script per run.

Options are those of ``megatron/training/arguments.py`` (Megatron-LM; github.com/JinjieNi/MegaDLMs of October 2025), the
data format that of ``megatron/core/datasets/indexed_dataset.py``. A job stops with ``--exit-interval``, not with
``--train-iters``, because the order of Megatron's data depends on the latter.
"""

from __future__ import annotations

import shlex
import struct
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from reference_trainer.export import Stage, refuse, shape, stages, vocabulary, write_facts
from reference_trainer.model import counts
from reference_trainer.shards import Index, is_shards
from reference_trainer.spec import RunSpec
from reference_trainer.token_files import MEGATRON_MARK, Mapped

TYPES = {2: 8, 4: 4}  # bytes of a token → Megatron's code: uint16, and int32, whose bits are those of uint32 here
SCRIPT = """\
#!/usr/bin/env bash
# Run {run_id}: {objective}, N = {N:,}, D = {D:,}, seed {seed}. Done jobs are passed over: start it again after a failure.
# MEGATRON is the folder of {project}; LAUNCH, MICRO_BATCH and PARALLEL are yours to set.
set -euo pipefail
cd "$(dirname "$0")/.."
here=$PWD
: "${{MEGATRON:?set it to the folder of {project}}}"
LAUNCH=${{LAUNCH:-torchrun --standalone --nproc-per-node gpu}}
mkdir -p logs

job() {{ # name of its checkpoints, name of its log, last step, options
  local save=$here/checkpoints/$1 log=$here/logs/$2.log last=$3
  shift 3
  if [ "$(cat "$save/latest_checkpointed_iteration.txt" 2>/dev/null || echo 0)" -ge "$last" ]; then return; fi
  (cd "$MEGATRON" && $LAUNCH {entry} "${{COMMON[@]}}" --save "$save" --exit-interval "$last" "$@" ${{PARALLEL:-}}) 2>&1 |
    tee -a "$log"
}}

COMMON=(
{common}
)

{jobs}
"""


def write(specs: list[RunSpec], out: Path) -> str:
    """Scripts, data indices, ``facts.csv``."""
    refuse(specs, ("autoregressive", "masked"), "Megatron")
    (out / "runs").mkdir()
    data: dict[tuple[str, int], list[str]] = {}
    for spec in specs:
        key = spec.corpus, spec.unique_tokens
        if key not in data:
            data[key] = _data(spec, out)
        script = out / "runs" / f"{spec.run_id}.sh"
        script.write_text(_script(spec, data[key]))
        script.chmod(0o755)
    write_facts(specs, out)
    return (
        f"{len(specs)} scripts in {out / 'runs'}: MEGATRON=… bash {out}/runs/ID.sh; then "
        f"quokka-laws import {out / 'logs'} --facts {out / 'facts.csv'} --final cooldown"
    )


def _script(spec: RunSpec, data: list[str]) -> str:
    masked = spec.objective == "masked"
    return SCRIPT.format(
        run_id=spec.run_id,
        objective=spec.objective,
        N=counts(shape(spec))["N_total"],
        D=spec.tokens,
        seed=spec.seed,
        project="MegaDLMs" if masked else "Megatron-LM",
        entry="pretrain_difflm.py" if masked else "pretrain_gpt.py",
        common="\n".join(f"  {line}" for line in _lines([*options(spec), *data])),
        jobs="\n".join(_job(spec, stage) for stage in stages(spec)),
    )


def _lines(words: Iterable[str]) -> Iterator[str]:
    """Shell words, an option a line."""
    line: list[str] = []
    for word in words:
        if word.startswith("--") and line:
            yield " ".join(line)
            line = []
        line.append(word if word.startswith('"') else shlex.quote(word))
    yield " ".join(line)


def options(spec: RunSpec) -> list[str]:
    """What all jobs of a run share: model, batch, optimiser."""
    model, V = shape(spec), vocabulary(spec)
    masked = spec.objective == "masked"
    last = max(stage.end for stage in stages(spec))
    given: dict[str, Any] = {
        "num-layers": model.depth,
        "hidden-size": model.width,
        "num-attention-heads": model.heads,
        "kv-channels": model.head_size,
        "ffn-hidden-size": model.ffn,
        "swiglu": True,
        "normalization": "RMSNorm",
        "norm-epsilon": 1e-6,
        "qk-layernorm": True,
        "disable-bias-linear": True,
        "position-embedding-type": "rope",
        "rotary-base": int(spec.rope_base),
        "attention-dropout": 0.0,
        "hidden-dropout": 0.0,
        "init-method-std": 0.02,
        "seq-length": spec.context,
        "max-position-embeddings": spec.context,
        # The null tokenizer adds one row to these: the end of documents, or the mask.
        "tokenizer-type": "NullTokenizer",
        "vocab-size": V if masked else V - 1,
        "micro-batch-size": '"${MICRO_BATCH:-1}"',
        "global-batch-size": spec.batch,
        "train-iters": last,
        "lr": spec.lr,
        "min-lr": 0.0,
        "lr-warmup-iters": spec.warmup,
        "override-opt_param-scheduler": True,
        "weight-decay": spec.weight_decay,
        "adam-beta1": spec.beta1,
        "adam-beta2": spec.beta2,
        "clip-grad": spec.clip,
        "seed": spec.seed + 1,  # it must be positive
        "bf16": True,
        "use-distributed-optimizer": True,
        "log-interval": max(1, min(50, last // 100)),
        "eval-iters": max(1, spec.eval_sequences // spec.batch),
        "save-interval": last,
    }
    if masked:
        # difflm-noshift is masked diffusion with the weight 1/t (examples/dlm_training/dlm_pretrain_1.7b.sh).
        given |= {"model-running-mode": "difflm-noshift", "base-model": "vanilla", "mask-token": V}
        given |= {"attention-mask-type": "no_mask"}
    words = []
    for name, value in given.items():
        words += [f"--{name}"] if value is True else [f"--{name}", str(value)]
    return words


def _job(spec: RunSpec, stage: Stage) -> str:
    trunk = f'"$here/checkpoints/{spec.run_id}-trunk"'
    name = stage.name(spec.run_id)
    words = ["job", name, name, str(stage.end)]
    words += ["--eval-interval", str(stage.end if stage.evaluated else 2 * stage.end)]
    if stage.kind == "trunk":
        end = max(each.end for each in stages(spec) if each.kind == "trunk")
        return " ".join([*words, "--load", trunk, f"--lr-decay-style constant --lr-decay-iters {end}"])
    # 1 − √progress, which MegaDLMs does not have.
    style = "linear" if spec.objective == "masked" else "minus_sqrt"
    return " ".join(
        [
            *words,
            f"--load {trunk} --ckpt-step {stage.begin} --lr-decay-style WSD --lr-wsd-decay-style {style}",
            f"--lr-decay-iters {stage.end} --lr-wsd-decay-iters {stage.end - stage.begin}",
        ]
    )


def _data(spec: RunSpec, out: Path) -> list[str]:
    """Options that name the data; an index beside each shard makes it one of Megatron's."""
    if not is_shards(spec.corpus):
        return ["--train-data-path", '"${DATA:?prefix of the training data}"', "--valid-data-path", '"${VALIDATION:?}"']
    index = Index.read(Path(spec.corpus))
    prefixes: dict[str, list[str]] = {}
    for split in ("train", "validation"):
        left = spec.unique_tokens if split == "train" and spec.unique_tokens else None
        label = f"-{left}" if left else ""
        folder = out / "data"
        folder.mkdir(exist_ok=True)
        for shard in index.shards(split):
            if left is not None and left <= 0:
                break
            source = (index.folder / shard["file"]).resolve()
            target = folder / f"{index.digest('train')}-{source.stem}{label}.bin"
            if not target.exists():
                target.symlink_to(source)
            used = write_idx(target, index.dtype, index.data["end_token"], limit=left)
            left = None if left is None else left - used
            prefixes.setdefault(split, []).append(f'"$here/data/{target.stem}"')
    return ["--train-data-path", *prefixes["train"], "--valid-data-path", *prefixes["validation"]]


def write_idx(path: Path, dtype: np.dtype[Any], end_token: int | None, *, limit: int | None = None) -> int:
    """Megatron's index of a shard: a sequence for each document (one for all where nothing ends them), up to ``limit`` tokens; returns how many it has."""
    tokens = Mapped(path, dtype).tokens[:limit]
    block = 2**24
    blocks = range(0, len(tokens), block) if end_token is not None else ()
    ends = [np.flatnonzero(tokens[i : i + block] == end_token) + i + 1 for i in blocks]
    marks = np.unique(np.concatenate([[0], *ends, [len(tokens)]]).astype(np.int64))
    lengths = np.diff(marks).astype(np.int32)
    pointers = marks[:-1] * dtype.itemsize
    with path.with_suffix(".idx").open("wb") as file:
        head = struct.pack("<QBQQ", 1, TYPES[dtype.itemsize], len(lengths), len(marks))
        file.write(MEGATRON_MARK + head + lengths.tobytes() + pointers.tobytes())
        file.write(np.arange(len(marks), dtype=np.int64).tobytes())
    return len(tokens)
