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
_POWER = re.compile(  # of ten, that a name says its numbers count: "FLOPs (1e18)", "N/1e6", "tokens (×10^9)", "params_1e6"
    r"[\s/×x*_(\[]*(?<![0-9A-Za-z.])[×x]?(?:1e\+?(?P<e>\d{1,2})|10(?:\^|\*\*)\{?(?P<p>\d{1,2})\}?)(?![0-9A-Za-z.])[)\]]?"
)
_RAISED = str.maketrans({"⁰": "^0", "¹": "^1", "²": "^2", "³": "^3", "⁶": "^6", "⁹": "^9"})
_SPELT = re.compile(r"(giga|tera|peta|exa|zetta|yotta)[\s_-]*(?=flop)", re.IGNORECASE)  # exaFLOPs
_WITHOUT = re.compile(r"\bw/o\b", re.IGNORECASE)
_PREFIXED = re.compile(r"([kmgbt])(params?|parameters?|tokens?|toks?)$")  # Mparams, GTokens

VALIDATION = _set("val valid validation eval evaluation test testing dev devset valset testset heldout holdout")
TRAINING = _set("train training trn")
_FREE = _set(
    "n num number no nr of the in total all count counts counted final last latest best min minimum mean avg average"
)
_SCALES = _set("k m g b t bn mn mio thousand thousands million millions billion billions trillion trillions")

_STATISTICS = _set("final last best min minimum mean avg average")
PARAMETERS = _set("params param parameters parameter nparams")
_OF_PARAMETERS = _FREE | _SCALES | _set("model size trainable learnable active activated nonembedding non network")
_PARTS = _set(
    "wte wpe embed embeds embedding embeddings emb head unembedding unembed transformer blocks block mlp attn attention "
    "matrix layers scalars scalar value lm router expert experts body norm norms"
)
TOKENS = _set("tokens token toks tok ntokens")
_OF_TOKENS = (
    _FREE
    | _SCALES
    | TRAINING
    | _set("seen consumed processed input trained data dataset corpus budget so far planned actual target d")
)
_OF_RUNS = {"eflop": 1e18, "eflops": 1e18, "zflop": 1e21, "zflops": 1e21, "yflop": 1e24, "yflops": 1e24}  # no speeds
FLOPS_SCALES = {"gflops": 1e9, "tflops": 1e12, "pflops": 1e15} | _OF_RUNS
FLOPS = _set("flops flop flos compute isoflop isoflops") | frozenset(FLOPS_SCALES)
_OF_FLOPS = _FREE | TRAINING | _set("budget achieved actual model used spent c planned target 6nd")
_DAYS = {f"{unit}_{day}": flops * 86400.0 for unit, flops in {"pf": 1e15, "pflop": 1e15, "pflops": 1e15, "petaflop": 1e15,
         "petaflops": 1e15, "petaflop_s": 1e15, "pflop_s": 1e15, "pf_s": 1e15, "ef": 1e18, "exaflop": 1e18, "tf": 1e12}.items()
         for day in ("day", "days")} | {"pfdays": 8.64e19, "pfs_days": 8.64e19}  # fmt: skip
_BUDGETS = ("budget", "isoflop_budget", "c_budget")

_LOSS = _set("loss losses nll ce xent crossentropy crossentropyloss objective")
_NO_LOSS = _set(
    "lag aux auxiliary router routing z balance balancing moe grad gradient norm scale scaling weight lr per distill "
    "distillation contrastive reward std stderr var variance sem se spread ema_decay count steps step time interval "
    "delta diff change ratio token_type kind unit split type name lower upper ci min_step at predicted prediction pred "
    "fitted residual initial start pct percent percentage x100 x1000 inverse"
) - {"interval", "norm"}

_PER = {"byte": "byte", "char": "character", "character": "character", "word": "word"}
UNITS: tuple[tuple[frozenset[str], str], ...] = (
    *((_set(f"log2 {name}"), "bits/token") for name in ("ppl", "perplexity")),
    *((_set(f"{log} {name}"), "nats/token") for log in ("log", "ln") for name in ("ppl", "perplexity")),
    *((_set(f"{per} {name}"), f"perplexity per {per}") for per in ("word", "byte") for name in ("perplexity", "ppl")),
    *((_set(name), "perplexity") for name in ("ppl", "perplexity")),
    (_set("bpb"), "bits/byte"),
    (_set("bpc"), "bits/character"),
    (_set("bpt"), "bits/token"),
    (_set("bits token"), "bits/token"),
    (_set("nats token"), "nats/token"),
    (_set("npb"), "nats/byte"),
    *((_set(f"bits {word}"), f"bits/{per}") for word, per in _PER.items()),
    *((_set(f"nats {word}"), f"nats/{per}") for word, per in _PER.items()),
    *(
        (_set(f"{name} per {word}"), f"nats/{per}")
        for word, per in _PER.items()
        for name in ("nll", "likelihood", "loss")
    ),
    *((_set(f"bits {name}"), "bits/token") for name in ("loss", "nll", "ce", "entropy", "xent")),
    (_set("accuracy"), "accuracy"),
    (_set("acc"), "accuracy"),
    *((_set(f"{name} {of}"), "share of errors") for name in ("error", "err") for of in ("rate", "top", "top1", "top5")),
    *((_set(f"{kind} loss"), "normalised loss") for kind in ("normalised", "normalized", "norm", "relative")),
    *((_set(f"{kind} loss"), "reducible loss") for kind in ("reducible", "excess")),
)
_OF_UNITS = frozenset(
    {"nats/token", "bits/token", "perplexity", "perplexity per word", "perplexity per byte"}
    | {f"{unit}/{per}" for unit in ("bits", "nats") for per in _PER.values()}
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


def _plain(name: str) -> str:
    """A name without powers of ten, with what is abbreviated in usual ways spelt out."""
    return _WITHOUT.sub("without", _POWER.sub(" ", str(name).translate(_RAISED)))


@lru_cache(maxsize=65536)
def words(name: str) -> tuple[str, ...]:
    """``eval/c4_en-validation/CrossEntropyLoss`` → eval, c4, en, validation, cross, entropy, loss; without powers of ten."""
    plain = _SPELT.sub(lambda found: found[1][0].upper(), _plain(name))
    split = (w.lower() for w in _EDGES.split(plain) if w)
    return tuple(part for w in split for part in ((w[0], w[1:]) if _PREFIXED.match(w) else (w,)))


@lru_cache(maxsize=65536)
def leaf(name: str) -> tuple[str, ...]:
    """Words of the last part of a path: ``throughput/total_tokens`` → total, tokens."""
    *above, last = _PATH.split(_NAMESPACES.sub("", _plain(name)))
    said = words(last)
    alone = not above or set(said) - VALIDATION - TRAINING - _STATISTICS
    return said if alone else words(above[-1]) + said  # loss/val, val_loss/mean


@lru_cache(maxsize=65536)
def split_of(name: str) -> str:
    """``validation``, ``training`` or ``unstated``, by whole words; the last that says one wins: ``train/eval_loss``."""
    if {"held", "out"} <= set(words(name)) or {"out", "sample"} <= set(words(name)):
        return "validation"
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
    if any(w.isdigit() for w in said):  # a loss at 8 bits of precision
        said.discard("bits")
    return next((unit for needed, unit in UNITS if needed <= said), "")


@lru_cache(maxsize=65536)
def counts_parameters(name: str) -> bool:
    """Whether a name is that of a whole count of parameters: not of a part (``params_wte``), nor a setting (``params_lr``)."""
    said = leaf(name)
    if _is_letter(name, "N") or (str(name)[:1] == "N" and "n" in said and without_embedding(name)):
        return True
    if not PARAMETERS & set(said):
        return "size" in said and not set(said) - _SCALES - {"model", "size"}
    rest = set(said) - PARAMETERS - _OF_PARAMETERS
    return not rest or without_embedding(name)


def _is_letter(name: str, letter: str) -> bool:
    """Whether a name is a canonical letter with a unit: ``N (millions)``, ``D/1e9``, ``C (1e18)``."""
    said = words(name)
    return (
        str(name)[:1] == letter
        and len(str(name)) > 1
        and set(said) - _SCALES == {letter.lower()}
        and scale_of(name) > 1
    )


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
    """What a name says its numbers count: millions in ``params_m``, billions in ``Tokens (B)``, 1e9 in ``D/1e9``; 1 if nothing."""
    if (power := _power(name)) > 1:
        return power
    scales = dict.fromkeys(("k", "thousand", "thousands"), 1e3) | dict.fromkeys(("t", "trillion", "trillions"), 1e12)
    scales |= dict.fromkeys(("m", "mn", "mio", "million", "millions"), 1e6)
    scales |= dict.fromkeys(("b", "bn", "billion", "billions", "g"), 1e9)
    return next((scales[w] for w in reversed(words(name)) if w in scales), 1.0)


def _power(name: str) -> float:
    """The power of ten that a name states; 1 if none."""
    found = _POWER.search(str(name).translate(_RAISED))
    return float(f"1e{found['e'] or found['p']}") if found else 1.0


@lru_cache(maxsize=65536)
def counts_tokens(name: str) -> bool:
    """Whether a name is that of the tokens seen: no rate (``tokens_per_second``), no batch, no vocabulary."""
    said = set(leaf(name))
    if _is_letter(name, "D"):
        return True
    about = set(words(name))
    return (
        bool(TOKENS & said) and not said - TOKENS - _OF_TOKENS and not about & (VALIDATION | _LOSS | {"nats", "bits"})
    )


def counts_unique(name: str) -> bool:
    """Whether a name is that of the tokens that are there to be seen once: ``unique tokens (B)``."""
    said = set(leaf(name))
    return bool(TOKENS & said and {"unique", "distinct"} & said) and not said - TOKENS - _OF_TOKENS - {
        "unique",
        "distinct",
    }


@lru_cache(maxsize=65536)
def counts_flops(name: str) -> bool:
    """Whether a name is that of training compute, spent or budgeted."""
    said = set(leaf(name))
    if "_".join(leaf(name)) in _BUDGETS or _days(name) or _is_letter(name, "C"):
        return True
    if (set(FLOPS_SCALES) - set(_OF_RUNS)) & said and not said & {"total", "train", "training", "budget", "used"}:
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
    if (power := _power(name)) > 1:
        return power
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
    if (_NO_LOSS & said and unit_of(name) not in _OF_UNITS) or "%" in name or str(name).startswith("1/"):
        return False
    if unit_of(name) in _OF_UNITS:
        return not {"std", "stderr", "var", "se", "ci"} & said
    if {"log", "likelihood"} <= said:
        return bool({"negative", "neg"} & said)
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
