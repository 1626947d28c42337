"""What the words of a column's name say: a count of parameters, tokens or FLOPs, a loss and its unit, or none of these.

Names are compared word by word, so that ``latest`` holds no test and ``value`` no validation. The last part of a path
(``throughput/total_tokens``, ``config.model.n_params``, ``user_attrs_N``) says what a column holds; the parts before it
add whether a loss is of training or of validation.
"""

from __future__ import annotations

import re
from functools import lru_cache


def _set(text: str) -> frozenset[str]:
    return frozenset(text.split())


_EDGES = re.compile(r"(?<=[a-z0-9])(?=[A-Z][a-z])|(?<=[a-z])(?=[A-Z])|[^A-Za-z0-9]+")
_NAMESPACES = re.compile(  # of Optuna
    r"^(?:(?:user_attrs|system_attrs)_(?=.)|params_(?=(?:n_|num_|total_|train_|training_)*(?:tokens|flops|compute)$))"
)
_PATH = re.compile(r"[/.|]+(?=[^\s])")

VALIDATION = _set("val valid validation eval evaluation test dev heldout holdout")
TRAINING = _set("train training trn")
_FREE = _set(
    "n num number no nr of the in total all count counts counted final last latest best min minimum mean avg average"
)
_SCALES = _set("k m b t bn mio million millions billion billions")

PARAMETERS = _set("params param parameters parameter nparams")
_OF_PARAMETERS = _FREE | _SCALES | _set("model size trainable learnable active activated nonembedding non network")
_PARTS = _set(
    "wte wpe embed embeds embedding embeddings emb head unembedding unembed transformer blocks block mlp attn attention "
    "matrix layers scalars scalar value lm router expert experts body norm norms"
)
TOKENS = _set("tokens token toks ntokens")
_OF_TOKENS = (
    _FREE
    | _SCALES
    | TRAINING
    | _set("seen consumed processed input trained data dataset corpus budget so far planned actual target")
)
FLOPS = _set("flops flop flos compute gflops tflops pflops eflops zflops")
_OF_FLOPS = _FREE | TRAINING | _set("budget achieved actual model used spent c isoflop planned target")
_DAYS = {f"{unit}_{day}": flops * 86400.0 for unit, flops in {"pf": 1e15, "pflop": 1e15, "pflops": 1e15, "petaflop": 1e15,
         "petaflops": 1e15, "petaflop_s": 1e15, "pflop_s": 1e15, "pf_s": 1e15, "ef": 1e18, "exaflop": 1e18, "tf": 1e12}.items()
         for day in ("day", "days")} | {"pfdays": 8.64e19, "pfs_days": 8.64e19}  # fmt: skip
FLOPS_SCALES = {"gflops": 1e9, "tflops": 1e12, "pflops": 1e15, "eflops": 1e18, "zflops": 1e21}
_BUDGETS = ("budget", "isoflop_budget", "c_budget")

_LOSS = _set("loss losses nll ce xent crossentropy crossentropyloss objective")
_NO_LOSS = _set(
    "lag aux auxiliary router routing z balance balancing moe grad gradient norm scale scaling weight lr per distill "
    "distillation contrastive reward std stderr var variance sem se spread ema_decay count steps step time interval "
    "delta diff change ratio token_type kind unit split type name lower upper ci min_step at predicted prediction pred "
    "fitted residual"
) - {"interval", "norm"}

UNITS: tuple[tuple[frozenset[str], str], ...] = (
    (frozenset({"word", "perplexity"}), "perplexity per word"),
    (frozenset({"byte", "perplexity"}), "perplexity per byte"),
    (frozenset({"word", "ppl"}), "perplexity per word"),
    (frozenset({"byte", "ppl"}), "perplexity per byte"),
    (frozenset({"ppl"}), "perplexity"),
    (frozenset({"perplexity"}), "perplexity"),
    (frozenset({"bpb"}), "bits/byte"),
    (frozenset({"bits", "byte"}), "bits/byte"),
    (frozenset({"bits", "per", "byte"}), "bits/byte"),
    (frozenset({"bpc"}), "bits/character"),
    (frozenset({"bits", "char"}), "bits/character"),
    (frozenset({"bits", "character"}), "bits/character"),
    (frozenset({"bpt"}), "bits/token"),
    (frozenset({"bits", "token"}), "bits/token"),
    (frozenset({"npb"}), "nats/byte"),
    (frozenset({"nats", "byte"}), "nats/byte"),
    (frozenset({"accuracy"}), "accuracy"),
    (frozenset({"acc"}), "accuracy"),
    (frozenset({"error", "rate"}), "share of errors"),
    (frozenset({"err", "rate"}), "share of errors"),
    (frozenset({"normalised", "loss"}), "normalised loss"),
    (frozenset({"normalized", "loss"}), "normalised loss"),
    (frozenset({"norm", "loss"}), "normalised loss"),
    (frozenset({"relative", "loss"}), "normalised loss"),
    (frozenset({"reducible", "loss"}), "reducible loss"),
    (frozenset({"excess", "loss"}), "reducible loss"),
)
_OF_UNITS = frozenset(
    {
        "perplexity",
        "perplexity per word",
        "perplexity per byte",
        "bits/byte",
        "bits/character",
        "bits/token",
        "nats/byte",
    }
)  # losses by another name

SWEPT = _set(
    "lr learning rate batch bs gbs mbs micro global seed seeds width depth layers layer heads head hidden dim dmodel wd decay "
    "warmup dropout optimizer optim schedule scheduler beta beta1 beta2 eps momentum clip init tokenizer vocab corpus "
    "dataset mixture mix recipe objective arch architecture aspect context seqlen experts topk cooldown anneal"
)
LEARNING_RATE = _set("lr learning rate peak max maximum base initial init optimizer optim")
BATCH = _set("batch bs gbs global size train total effective in n num tokens")
SEQUENCE_LENGTH = tuple(map(_set, ("context", "ctx", "seqlen", "seq len", "sequence length", "block size")))
SEEDS = _set("seed seeds rep repeat replicate replica trial_seed random")


@lru_cache(maxsize=65536)
def words(name: str) -> tuple[str, ...]:
    """``eval/c4_en-validation/CrossEntropyLoss`` → eval, c4, en, validation, cross, entropy, loss."""
    return tuple(w.lower() for w in _EDGES.split(str(name)) if w)


@lru_cache(maxsize=65536)
def leaf(name: str) -> tuple[str, ...]:
    """Words of the last part of a path: ``throughput/total_tokens`` → total, tokens."""
    *above, last = _PATH.split(_NAMESPACES.sub("", str(name)))
    said = words(last)
    return said if not above or set(said) - VALIDATION - TRAINING else words(above[-1]) + said  # loss/val


@lru_cache(maxsize=65536)
def split_of(name: str) -> str:
    """``validation``, ``training`` or ``unstated``, by whole words; the last that says one wins: ``train/eval_loss``."""
    for word in reversed(words(name)):
        if word in VALIDATION:
            return "validation"
        if word in TRAINING:
            return "training"
    return "unstated"


@lru_cache(maxsize=65536)
def unit_of(name: str) -> str:
    """The unit that a name of a loss states, ``perplexity``, ``bits/byte`` …; empty if none."""
    said = set(words(name))
    return next((unit for needed, unit in UNITS if needed <= said), "")


@lru_cache(maxsize=65536)
def counts_parameters(name: str) -> bool:
    """Whether a name is that of a whole count of parameters: not of a part (``params_wte``), nor a setting (``params_lr``)."""
    said = leaf(name)
    if not PARAMETERS & set(said):
        return "size" in said and not set(said) - _SCALES - {"model", "size"}
    rest = set(said) - PARAMETERS - _OF_PARAMETERS
    return not rest or without_embedding(name)


def without_embedding(name: str) -> bool:
    """Whether a count of parameters leaves the embeddings out: ``non_embedding_params``, ``N_no_embed``."""
    said = set(leaf(name))
    embedding = bool({"embedding", "embeddings", "embed", "emb", "nonembedding"} & said)
    rest = (
        said
        - PARAMETERS
        - _OF_PARAMETERS
        - {"embedding", "embeddings", "embed", "emb", "without", "excluding", "excl", "ex", "w", "o", "wo", "d"}
    )
    return (
        embedding
        and not rest
        and bool({"non", "no", "without", "excluding", "excl", "ex", "wo", "nonembedding", "o"} & said)
    )


def active_parameters(name: str) -> bool:
    """Whether a count is that of the parameters a token passes through in a mixture of experts."""
    return counts_parameters(name) and bool({"active", "activated"} & set(leaf(name)))


def part_of_parameters(name: str) -> bool:
    """Whether a name counts some of the parameters: ``params_wte``, ``embedding_params``, ``n_params_lm_head``."""
    said = set(leaf(name)) | set(words(name))
    return bool(PARAMETERS & said) and not counts_parameters(name) and bool(said & _PARTS)


def of_embedding(name: str) -> bool:
    """Whether a part of the parameters is the embedding of tokens or positions: a table that costs no FLOPs."""
    return bool({"wte", "wpe", "embed", "embeds", "embedding", "embeddings", "emb"} & set(words(name)))


def scale_of(name: str) -> float:
    """What a name says its numbers count: millions in ``params_m``, billions in ``Tokens (B)``; 1 if nothing."""
    scales = {"k": 1e3, "m": 1e6, "mio": 1e6, "million": 1e6, "millions": 1e6, "t": 1e12, "trillion": 1e12}
    scales |= dict.fromkeys(("b", "bn", "billion", "billions", "g"), 1e9)
    return next((scales[w] for w in reversed(words(name)) if w in scales), 1.0)


@lru_cache(maxsize=65536)
def counts_tokens(name: str) -> bool:
    """Whether a name is that of the tokens seen: no rate (``tokens_per_second``), no batch, no vocabulary."""
    said = set(leaf(name))
    return bool(TOKENS & said) and not said - TOKENS - _OF_TOKENS and not VALIDATION & set(words(name))


@lru_cache(maxsize=65536)
def counts_flops(name: str) -> bool:
    """Whether a name is that of training compute, spent or budgeted."""
    said = set(leaf(name))
    if "_".join(leaf(name)) in _BUDGETS or _days(name):
        return True
    if set(FLOPS_SCALES) & said and not said & {"total", "train", "training", "budget", "used"}:
        return False  # 400 tflops is a speed
    return bool(FLOPS & said) and not said - FLOPS - _OF_FLOPS


def _days(name: str) -> str:
    """The unit of compute by the day that a name states, ``pf_days``; empty if none."""
    said = "_".join(w for w in words(name) if w not in _OF_FLOPS | FLOPS - {"pflops"} or w == "c")
    return said if said in _DAYS else ""


def flops_scale(name: str) -> float:
    """What a name says that its numbers of FLOPs count: 1e9 in ``total_gflops``, 8.64e19 in ``PF-days``, 1 if nothing."""
    if unit := _days(name):
        return _DAYS[unit]
    return next((factor for unit, factor in FLOPS_SCALES.items() if unit in words(name)), 1.0)


def names_a_size(name: str) -> bool:
    """Whether a column may call models by their sizes: ``Model``, ``scale``."""
    return bool(words(name)) and set(words(name)) <= {"model", "models", "size", "scale", "name"}


@lru_cache(maxsize=65536)
def tokens_per_step(name: str) -> bool:
    """Whether a name is that of the tokens of one optimizer step: ``tokens_per_step``, ``batch_tokens``; no micro-batch, no rate."""
    said = set(leaf(name))
    if not TOKENS & said or said & _set("micro device gpu rank second sec s time"):
        return False
    return bool(said & _set("batch step iteration iter update")) and not said - TOKENS - _FREE - _set(
        "per batch step iteration iter update global train training size seen"
    )


@lru_cache(maxsize=65536)
def is_loss(name: str) -> bool:
    """Whether a name is that of a loss of the model, in whatever unit; not of an auxiliary one, nor an accuracy."""
    said = set(leaf(name))
    if _NO_LOSS & said and unit_of(name) not in _OF_UNITS:
        return False
    if unit_of(name) in _OF_UNITS:
        return not {"std", "stderr", "var", "se", "ci"} & said
    return {"cross", "entropy"} <= said or bool(_LOSS & (said - {"objective"}))


def of_seed(name: str) -> bool:
    """Whether a column tells repetitions of one run apart."""
    return bool(SEEDS & set(leaf(name)))


def of_learning_rate(name: str) -> bool:
    """Whether a column is the learning rate itself, not its warm-up or decay."""
    said = set(leaf(name))
    return bool("lr" in said or {"learning", "rate"} <= said) and not said - LEARNING_RATE


def of_batch(name: str) -> bool:
    """Whether a column is the size of the batch of one step, in sequences or in tokens; not that of one device."""
    said = set(leaf(name))
    return bool({"batch", "bs", "gbs"} & said) and not said - BATCH


def of_sequence_length(name: str) -> bool:
    """Whether a column is the length of a sequence in tokens."""
    return any(words <= set(leaf(name)) for words in SEQUENCE_LENGTH)


def was_swept(name: str) -> bool:
    """Whether a column is a setting of a run, by its name: learning rate, batch, seed, width …"""
    said = set(words(name))
    return bool(SWEPT & said) and not {"loss", "time", "tokens", "flops"} & said
