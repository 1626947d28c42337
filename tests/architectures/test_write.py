"""What is written reads back, or builds the same model."""

from __future__ import annotations

import json
import shlex
import warnings
from itertools import pairwise

import pytest

from quokka_laws import architectures
from quokka_laws.architectures import Architecture
from quokka_laws.exceptions import ArgumentError

SHAPE = architectures.propose(3e7, vocabulary=1024)


def test_hugging_faces_configuration_reads_back() -> None:
    config = json.loads(architectures.write(SHAPE))
    assert architectures.read(config) == SHAPE


@pytest.mark.parametrize("norm", ["none", "head"])
def test_hugging_face_builds_it(norm: str) -> None:
    torch = pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    shape = Architecture(**{**vars(SHAPE), "query_key_norm": norm})
    config = json.loads(architectures.write(shape))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        kind = config.pop("model_type")
        with torch.device("meta"):
            model = transformers.AutoModelForCausalLM.from_config(transformers.AutoConfig.for_model(kind, **config))
    assert sum(p.numel() for p in model.parameters()) == architectures.count(shape).total


def test_megatrons_options_name_each_size() -> None:
    words = shlex.split(architectures.write(SHAPE, "megatron", context=512).replace("\\\n", " "))
    options = dict(pairwise(words))
    assert int(options["--num-layers"]) == SHAPE.layers
    assert int(options["--ffn-hidden-size"]) == SHAPE.feed_forward
    assert int(options["--seq-length"]) == 512
    assert "--swiglu" in words


def test_nanogpts_arguments_read_back() -> None:
    gpt = architectures.read({"n_layer": 6, "n_head": 6, "n_embd": 384, "bias": False, "vocab_size": 50304})
    words = dict(w.removeprefix("--").split("=") for w in architectures.write(gpt, "nanogpt", context=1024).split())
    back = architectures.read({k: int(v) for k, v in words.items() if k != "bias"} | {"bias": words["bias"] == "True"})
    assert back == gpt


def test_formats_without_words_for_it_say_so() -> None:
    with pytest.raises(ArgumentError, match="gated"):
        architectures.write(SHAPE, "nanogpt")
    with pytest.raises(ArgumentError, match="one of"):
        architectures.write(SHAPE, "toml")
