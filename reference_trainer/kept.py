"""Kept models: ``model.safetensors`` and ``config.json`` in a folder named by the row they gave.

Weights have the names and layout of Hugging Face's Qwen3, whose architecture this is: rows of the embedding beyond the
text's are the token of no alphabet, if there is one, and the mask (or start of sequence), which has no logit here.
``config.json`` has the keys of that library's configurations; the run's spec and row are under ``quokka``.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from reference_trainer.errors import TrainerError
from reference_trainer.kernels import EPSILON
from reference_trainer.model import Transformer
from reference_trainer.records import replacing
from reference_trainer.spec import RunSpec

WEIGHTS, CONFIG = "model.safetensors", "config.json"


def save_model(
    model: Transformer, k: int, spec: RunSpec, row: dict[str, Any], alphabet: tuple[int, ...] | None, folder: Path
) -> None:
    """Write model k of a pack; the folder is complete as soon as its ``config.json`` is there."""
    from safetensors.torch import save_file

    s = model.shape
    config = {
        "architectures": ["Qwen3ForCausalLM"],
        "model_type": "qwen3",
        "hidden_size": s.width,
        "num_hidden_layers": s.depth,
        "num_attention_heads": s.heads,
        "num_key_value_heads": s.heads,
        "head_dim": s.head_size,
        "intermediate_size": s.ffn,
        "vocab_size": s.vocabulary + 1,
        "max_position_embeddings": s.context,
        "rope_theta": s.rope_base,
        "rms_norm_eps": EPSILON,
        "hidden_act": "silu",
        "attention_bias": False,
        "tie_word_embeddings": True,
        "torch_dtype": "float32",
        "mask_token_id": model.mask_token,
        "quokka": {"spec": spec.to_dict(), "alphabet": alphabet, "row": row},
    }
    folder.mkdir(parents=True, exist_ok=True)
    with replacing(folder / WEIGHTS) as path:
        save_file(_to_qwen3(model, k), path, metadata={"format": "pt"})
    with replacing(folder / CONFIG) as path:
        path.write_text(json.dumps(config, indent=1))


def load_model(path: str | Path, *, device: torch.device | str = "cpu") -> tuple[Transformer, RunSpec, dict[str, Any]]:
    """A kept model, its spec, and what its ``config.json`` says of the run; the folder or either of its files will do."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    folder = Path(path) if Path(path).is_dir() else Path(path).parent
    missing = [name for name in (CONFIG, WEIGHTS) if not (folder / name).is_file()]
    if missing or not Path(path).exists():
        raise TrainerError(
            f"{path} is not a kept model ({' and '.join(missing) or 'no such file'} missing); "
            "`train --keep` and `sweep --keep` write one per row under OUT/models"
        )
    try:
        about = json.loads((folder / CONFIG).read_text())["quokka"]
        spec = RunSpec.from_dict(about["spec"])
        weights = load_file(folder / WEIGHTS, device=str(device))
        vocabulary = len(weights["model.embed_tokens.weight"]) - 1
        model = Transformer(spec.shape(vocabulary), [spec.seed], device)
        with torch.no_grad():
            _from_qwen3(model, weights)
    except TrainerError:
        raise
    except (KeyError, TypeError, RuntimeError, json.JSONDecodeError, SafetensorError) as error:
        raise TrainerError(f"{folder} is not a kept model of this trainer ({type(error).__name__}: {error})") from None
    return model, spec, about


def _names(model: Transformer) -> list[tuple[str, str, slice | int | None, bool]]:
    """(name there, name here, which part of the last or first axis, whether it is a matrix to turn) of each tensor."""
    s = model.shape
    a, f = s.heads * s.head_size, s.ffn
    found: list[tuple[str, str, slice | int | None, bool]] = [
        ("model.embed_tokens.weight", "embedding", None, False),
        ("model.norm.weight", "final_norm", None, False),
    ]
    for i in range(s.depth):
        at = f"model.layers.{i}."
        found += [
            (f"{at}input_layernorm.weight", f"attention_norm_{i}", None, False),
            (f"{at}post_attention_layernorm.weight", f"ffn_norm_{i}", None, False),
            (f"{at}self_attn.q_norm.weight", f"qk_norm_{i}", 0, False),
            (f"{at}self_attn.k_norm.weight", f"qk_norm_{i}", 1, False),
            *(
                (f"{at}self_attn.{name}_proj.weight", f"qkv_{i}", slice(j * a, (j + 1) * a), True)
                for j, name in enumerate("qkv")
            ),
            (f"{at}self_attn.o_proj.weight", f"out_{i}", None, True),
            (f"{at}mlp.gate_proj.weight", f"gate_up_{i}", slice(0, f), True),
            (f"{at}mlp.up_proj.weight", f"gate_up_{i}", slice(f, 2 * f), True),
            (f"{at}mlp.down_proj.weight", f"down_{i}", None, True),
        ]
    return found


def _part(weight: Tensor, part: slice | int | None) -> Tensor:
    return weight if part is None else weight[part] if isinstance(part, int) else weight[:, part]


def _order(model: Transformer, name: str) -> list[int] | None:
    """Order of the numbers of queries and keys there: pairs are halves apart, here they are neighbours."""
    s = model.shape
    if not name.split(".")[-2].startswith(("q_", "k_")):
        return None
    head = [*range(0, s.head_size, 2), *range(1, s.head_size, 2)]
    return head if "norm" in name else [h * s.head_size + i for h in range(s.heads) for i in head]


def _to_qwen3(model: Transformer, k: int) -> dict[str, Tensor]:
    found = {}
    for there, here, part, turned in _names(model):
        weight = _part(model.weights[here].detach()[k], part)
        weight = weight.T if turned else weight
        order = _order(model, there)
        found[there] = (weight if order is None else weight[order]).contiguous().clone().cpu()
    return found


def _from_qwen3(model: Transformer, weights: dict[str, Tensor]) -> None:
    for there, here, part, turned in _names(model):
        weight, order = weights[there], _order(model, there)
        if order is not None:
            restored = torch.empty_like(weight)
            restored[order] = weight
            weight = restored
        _part(model.weights[here].detach()[0], part).copy_(weight.T if turned else weight)
