"""Models of torchtitan's Python files and TOML, in the forms of its versions 0.3 and 0.1."""

from __future__ import annotations

from pathlib import Path

import pytest

from quokka_laws import architectures
from quokka_laws.architectures.read_torchtitan import FLAVOURS, read_python, read_toml
from quokka_laws.exceptions import ArgumentError

NEW = """
from torchtitan.models.common import compute_ffn_hidden_dim
def _1b(attn_backend):
    dim = 2048
    n_heads = 32
    vocab_size = 128256
    return Llama3Model.Config(
        dim=dim, vocab_size=vocab_size, enable_weight_tying=True,
        layers=_build_llama3_layers(
            n_layers=16, dim=dim, n_heads=n_heads, n_kv_heads=8,
            hidden_dim=compute_ffn_hidden_dim(dim, multiple_of=1024, ffn_dim_multiplier=1.5),
            rope=ComplexRoPE.Config(dim=dim // n_heads, max_seq_len=131072),
        ),
    )
def _small(attn_backend):
    return Qwen3Model.Config(
        dim=1024, vocab_size=151936, enable_weight_tying=True,
        layers=_build_qwen3_layers(n_layers=28, dim=1024, n_heads=16, n_kv_heads=8, head_dim=128, hidden_dim=3072),
    )
def _sparse(attn_backend):
    return Other.Config(dim=64, vocab_size=9, layers=build(n_layers=2, dim=64, n_heads=2, num_experts=8))
"""
OLD = """
llama3_configs = {
    "debugmodel": TransformerModelArgs(dim=256, n_layers=6, n_heads=16, vocab_size=2048, rope_theta=500000),
    "8B": TransformerModelArgs(
        dim=4096, n_layers=32, n_heads=32, n_kv_heads=8, ffn_dim_multiplier=1.3, multiple_of=1024, rope_theta=500000
    ),
}
"""


@pytest.mark.parametrize(
    ("text", "flavour", "parameters"),
    # The counts of the released models (Llama 3.2 1B, Qwen3 0.6B, Llama 3 8B).
    [(NEW, "1B", 1_235_814_400), (NEW, "small", 596_049_920), (OLD, "8B", 8_030_261_248)],
)
def test_to_the_parameter(text: str, flavour: str, parameters: int) -> None:
    assert architectures.count(read_python(text, "model.py", flavour)).total == parameters


def test_a_job_that_names_one_of_torchtitans_models(tmp_path: Path) -> None:
    (tmp_path / "job.toml").write_text('[model]\nname = "llama3"\nflavor = "8B"\n[training]\nseq_len = 8192\n')
    assert architectures.count(architectures.read(tmp_path / "job.toml")).total == 8_030_261_248
    sizes = {
        f: architectures.count(read_toml(f'[model]\nname="llama3"\nflavor="{f}"', "j")).total
        for f in FLAVOURS["llama3"]
    }
    assert sizes == {
        "1B": 1_235_814_400,
        "3B": 3_212_749_824,
        "8B": 8_030_261_248,
        "70B": 70_553_706_496,
        "405B": 405_853_388_800,
    }


@pytest.mark.parametrize(
    ("text", "flavour", "said"),
    [
        (NEW, None, "describes 1b, small, sparse; say which"),
        (NEW, "7B", "has no 7B"),
        (NEW, "sparse", "no dense Llama or Qwen3"),
        ("def f(:", None, "not Python"),
        ("x = 1", None, "describes no model"),
    ],
)
def test_what_cannot_be_read_is_said(text: str, flavour: str | None, said: str) -> None:
    with pytest.raises(ArgumentError, match=said):
        read_python(text, "model.py", flavour)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[model", "not TOML"),
        ("[training]\nsteps=1", "names no model"),
        ('[model]\nname="llama4"\nflavor="17B"', "known by name"),
    ],
)
def test_tomls_that_say_too_little(text: str, said: str) -> None:
    with pytest.raises(ArgumentError, match=said):
        read_toml(text, "job.toml")
