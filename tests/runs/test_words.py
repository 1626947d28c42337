"""Names read word by word."""

from __future__ import annotations

import pytest

from quokka_laws.runs import words


@pytest.mark.parametrize(
    ("name", "split"),
    [
        ("latest_train_loss", "training"),
        ("interval_loss", "unstated"),
        ("value", "unstated"),
        ("contest_loss", "unstated"),
        ("validLoss", "validation"),
        ("eval/c4_en-validation/CrossEntropyLoss", "validation"),
        ("train/eval_loss", "validation"),
        ("retrieval_loss", "unstated"),
        ("trainer_loss", "unstated"),
        ("Test Loss", "validation"),
        ("held-out loss", "validation"),
        ("out_of_sample_loss", "validation"),
        ("devset loss", "validation"),
    ],
)
def test_splits(name: str, split: str) -> None:
    assert words.split_of(name) == split


@pytest.mark.parametrize(
    ("name", "whole"),
    [
        ("n_params", True),
        ("# Params", True),
        ("numParameters", True),
        ("config.model.n_params", True),
        ("user_attrs_n_params", True),
        ("params_total", True),
        ("active_params", True),
        ("non_embedding_params", True),
        ("params_wte", False),
        ("params_label", False),
        ("params_lr", False),
        ("embedding_params", False),
        ("params_per_layer", False),
        ("size_m", True),
        ("batch_size", False),
    ],
)
def test_counts_of_parameters(name: str, whole: bool) -> None:
    assert words.counts_parameters(name) is whole


@pytest.mark.parametrize(
    ("name", "tokens", "flops"),
    [
        ("tokens_trained", True, False),
        ("throughput/total_tokens", True, False),
        ("Tokens (B)", True, False),
        ("tokens_per_second", False, False),
        ("tokens_per_byte", False, False),
        ("batch_tokens", False, False),
        ("eval_tokens", False, False),
        ("flops_budget", False, True),
        ("achieved_flops", False, True),
        ("total_gflops", False, True),
        ("device/tflops", False, False),
        ("flops_per_token", False, False),
        ("budget", False, True),
    ],
)
def test_counts_of_tokens_and_flops(name: str, tokens: bool, flops: bool) -> None:
    assert words.counts_tokens(name) is tokens
    assert words.counts_flops(name) is flops


@pytest.mark.parametrize(
    ("name", "loss", "unit"),
    [
        ("val_bpb", True, "bits/byte"),
        ("eval/paloma/c4_en/bpb", True, "bits/byte"),
        ("wikitext/bits_per_byte", True, "bits/byte"),
        ("perplexity", True, "perplexity"),
        ("val/ppl", True, "perplexity"),
        ("byte_perplexity", True, "perplexity per byte"),
        ("bits_per_char", True, "bits/character"),
        ("mmlu/acc", False, "accuracy"),
        ("z_loss", False, ""),
        ("aux_loss", False, ""),
        ("val_loss_std", False, ""),
        ("loss_scale", False, ""),
        ("latest_train_loss", True, ""),
        ("normalised_loss", True, "normalised loss"),
        ("val_nll_per_byte", True, "nats/byte"),
        ("nll per char", True, "nats/character"),
        ("bits_per_word", True, "bits/word"),
        ("loss (bits)", True, "bits/token"),
        ("loss at 8 bits", False, ""),
        ("Loss (nats/token)", True, "nats/token"),
        ("log_ppl", True, "nats/token"),
        ("negative log-likelihood", True, ""),
        ("log_likelihood", False, ""),
        ("loss_pct", False, ""),
        ("loss (%)", False, ""),
        ("1/loss", False, ""),
        ("initial_loss", False, ""),
        ("val_loss/mean", True, ""),
        ("val_loss/std", False, ""),
        ("top-1 error", False, "share of errors"),
    ],
)
def test_losses_and_their_units(name: str, loss: bool, unit: str) -> None:
    assert words.is_loss(name) is loss
    assert words.unit_of(name) == unit


@pytest.mark.parametrize(
    ("name", "canonical", "scale"),
    [
        ("N (millions)", "N", 1e6),
        ("N/1e6", "N", 1e6),
        ("params (x10^6)", "N", 1e6),
        ("params_1e6", "N", 1e6),
        ("Mparams", "N", 1e6),
        ("D (B)", "D", 1e9),
        ("tokens (×10⁹)", "D", 1e9),
        ("GTokens", "D", 1e9),
        ("n_tokens_bn", "D", 1e9),
        ("FLOPs (1e18)", "C", 1e18),
        ("C / 1e21", "C", 1e21),
        ("training exaFLOPs", "C", 1e18),
        ("zettaFLOPs", "C", 1e21),
    ],
)
def test_scales_in_names(name: str, canonical: str, scale: float) -> None:
    counts = {"N": words.counts_parameters, "D": words.counts_tokens, "C": words.counts_flops}
    assert [c for c, says in counts.items() if says(name)] == [canonical]
    assert (words.flops_scale if canonical == "C" else words.scale_of)(name) == scale


def test_letters_alone_and_bare_speeds_are_no_scales() -> None:
    assert not words.counts_parameters("n_m")
    assert not words.counts_flops("tflops")
    assert words.scale_of("lr_1e3") == 1e3  # a name states a power of ten, whatever it is of
    assert words.words("params w/o emb") == ("params", "without", "emb")
    assert words.counts_unique("unique tokens (B)")
    assert not words.counts_tokens("bits/token")


def test_scales() -> None:
    assert [words.scale_of(n) for n in ("params_m", "Tokens (B)", "n_params", "train_tokens_T")] == [
        1e6,
        1e9,
        1.0,
        1e12,
    ]


def test_compute_by_the_day() -> None:
    for name in ("PF-days", "pf_days", "petaflop/s-days", "Training compute (PF-days)", "compute_pf_days"):
        assert words.counts_flops(name), name
        assert words.flops_scale(name) == pytest.approx(8.64e19), name
    assert not words.counts_flops("gpu_days")


def test_tokens_of_a_step() -> None:
    assert all(
        map(
            words.tokens_per_step,
            ("tokens_per_step", "batch_tokens", "global_batch_size_tokens", "train/tokens_per_batch"),
        )
    )
    assert not any(
        map(words.tokens_per_step, ("tokens_per_second", "tokens", "micro_batch_tokens", "tokens_per_gpu_per_step"))
    )


@pytest.mark.parametrize("name", ["lr", "learning_rate", "optimizer.lr", "config.peak_learning_rate", "max_lr"])
def test_names_of_the_learning_rate(name: str) -> None:
    assert words.of_learning_rate(name)
    assert not words.of_batch(name)


@pytest.mark.parametrize("name", ["lr_decay", "warmup_lr_steps", "rate", "learning"])
def test_what_only_mentions_a_rate(name: str) -> None:
    assert not words.of_learning_rate(name)


@pytest.mark.parametrize(
    ("name", "batch"),
    [
        ("batch", True),
        ("global_batch_size", True),
        ("bs", True),
        ("batch_tokens", True),
        ("micro_batch", False),
        ("batch_time", False),
    ],
)
def test_names_of_the_batch(name: str, batch: bool) -> None:
    assert words.of_batch(name) is batch


@pytest.mark.parametrize(
    ("name", "length"), [("context", True), ("seq_len", True), ("block_size", True), ("size", False)]
)
def test_names_of_the_length_of_a_sequence(name: str, length: bool) -> None:
    assert words.of_sequence_length(name) is length
