"""Configurations that are wrong, unknown or incomplete get one sentence."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from quokka_laws import architectures
from quokka_laws.exceptions import ArgumentError

LLAMA = {
    "model_type": "llama",
    "hidden_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 128,
    "vocab_size": 100,
}


def test_a_file_reads_as_its_content(tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    path.write_text(json.dumps(LLAMA))
    assert architectures.read(path) == architectures.read(LLAMA)


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"model_type": "mamba"}, "mamba"),
        ({"hidden_size": 64}, "no model_type"),
        (
            {"model_type": "llama", "hidden_size": 64},
            "num_attention_heads, num_hidden_layers, vocab_size, intermediate_size",
        ),
        ({**LLAMA, "num_hidden_layers": -2}, "layers = -2"),
        ({**LLAMA, "num_key_value_heads": 3}, "4 heads cannot share 3"),
        ({**LLAMA, "hidden_size": "wide"}, "width = 'wide'"),
    ],
)
def test_faults(config: dict[str, object], said: str) -> None:
    with pytest.raises(ArgumentError, match=said):
        architectures.read(config)


@pytest.mark.parametrize(("text", "said"), [("{", "not JSON"), ("[1]", "list"), (None, "cannot be read")])
def test_files_that_are_no_configuration(tmp_path: Path, text: str | None, said: str) -> None:
    path = tmp_path / "config.json"
    if text is not None:
        path.write_text(text)
    with pytest.raises(ArgumentError, match=said):
        architectures.read(path)
