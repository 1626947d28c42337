"""Text → tokens: files, folders, compressed text, a synthetic source of known entropy, or a name to fetch.

Bytes are the tokens unless a ``tokenizers`` file is given. Training and validation never overlap: validation is its
own file, or the tail of the text.
"""

from __future__ import annotations

import gzip
import hashlib
import lzma
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reference_trainer.errors import TrainerError
from reference_trainer.shards import SPLITS, Index, Rows, Shards, is_shards

NAMED = {
    "tiny-shakespeare": (
        "https://raw.githubusercontent.com/karpathy/char-rnn/master/data/tinyshakespeare/input.txt",
        "86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed",
    )
}
TEXT_ENDINGS = (".txt", ".md", ".py", ".xz", ".gz")
OVERLAP_PASSAGE, OVERLAP_LOOKS = 200, 24  # bytes; how many passages of the validation text are looked for
UNIQUE_SEED = 20251003
ALPHABETS = ("compact", "full")
SYNTHETIC_VOCABULARY, SYNTHETIC_DECAY, SYNTHETIC_CHAINS = 256, 0.75, 256


@dataclass(frozen=True)
class Corpus:
    """Tokens to train on and to validate on.

    Parameters
    ----------
    train, validation : array of int
        In the smallest unsigned type that holds the vocabulary.
    vocabulary : int
    bytes_per_token : float
        Of the validation text, for bits per byte; 0 where the text is not known.
    tokenizer : str
        ``"bytes"``, ``"symbols"`` (synthetic) or the hash of a tokenizer file.
    digest : str
        sha256 of the training tokens, shortened.
    alphabet : tuple of int or None
        Token (byte, or id of the tokenizer) of each row of the vocabulary but its last, which stands for all others;
        None where rows are the tokens themselves.
    entropy_rate : float or None
        Known entropy of the source in nats per token, if it is synthetic.
    occurring : bool array or None
        Which tokens occur in a corpus of shards.
    """

    train: NDArray[np.unsignedinteger] | Shards
    validation: NDArray[np.unsignedinteger] | Shards
    vocabulary: int
    bytes_per_token: float
    tokenizer: str
    digest: str
    alphabet: tuple[int, ...] | None = None
    entropy_rate: float | None = None
    occurring: NDArray[np.bool_] | None = None

    @cached_property
    def active(self) -> int:
        """Rows of the vocabulary whose tokens occur: embeddings of the others are never trained."""
        if self.alphabet is not None:
            return len(self.alphabet)
        if isinstance(self.train, Shards) or isinstance(self.validation, Shards):
            return 0 if self.occurring is None else int(np.count_nonzero(self.occurring))
        return int(np.count_nonzero(_occurs(self.train, self.vocabulary) | _occurs(self.validation, self.vocabulary)))

    def unique(self, tokens: int, context: int, *, at_least: int = 1) -> NDArray[np.unsignedinteger] | Rows:
        """``tokens`` training tokens as rows of one context each, ``at_least`` so many rows.

        Rows are drawn from the whole corpus in one fixed random order, so that a small subset is as varied a sample
        of it as a large one, and subsets of growing size are nested. Those of shards are read when they are used.
        """
        if tokens > len(self.train):
            raise TrainerError(
                f"{tokens:,} unique tokens were asked for, the corpus has {len(self.train):,}; "
                "lower --unique-tokens or give more text"
            )
        rows = tokens // context
        if rows < at_least:
            needed = at_least * context
            more = f"ask for {needed:,} or more" if needed <= len(self.train) else "give more text"
            raise TrainerError(
                f"{tokens:,} unique tokens (the corpus has {len(self.train):,}) are fewer than one batch of "
                f"{at_least} sequences of {context} tokens, {needed:,}; {more}, or lower --batch or --context"
            )
        return take_rows(self.train, context, _row_order(count_rows(self.train, context))[:rows])


def count_rows(tokens: NDArray[np.unsignedinteger] | Shards, context: int) -> int:
    """How many sequences of a context tokens hold."""
    return tokens.count(context) if isinstance(tokens, Shards) else len(tokens) // context


def take_rows(
    tokens: NDArray[np.unsignedinteger] | Shards, context: int, order: NDArray[np.integer]
) -> NDArray[np.unsignedinteger] | Rows:
    """Sequences of a context in the order given; those of shards are read when they are used."""
    if isinstance(tokens, Shards):
        return Rows(tokens, context, order)
    return tokens[: len(tokens) // context * context].reshape(-1, context)[order]


@lru_cache(maxsize=1)  # of a large corpus this takes seconds, and eight bytes a row
def _row_order(rows: int) -> NDArray[np.int64]:
    return np.random.default_rng(UNIQUE_SEED).permutation(rows)


@lru_cache(maxsize=2)  # a worker trains many runs on one corpus
def load(
    name: str,
    *,
    validation: str | None = None,
    tokenizer: str | None = None,
    fraction: float = 0.1,
    alphabet: str | tuple[int, ...] = "full",
) -> Corpus:
    """Load a corpus.

    Parameters
    ----------
    name : str
        Path of a text file or a folder of them (``.xz`` and ``.gz`` are unpacked), a folder that ``tokenize`` made,
        ``"synthetic"``, or ``"tiny-shakespeare"``.
    validation : str, optional
        Separate validation text; otherwise the last ``fraction`` of the text.
    tokenizer : str, optional
        A ``tokenizers`` JSON file.
    alphabet : {"full", "compact"} or tuple of int
        Rows of the vocabulary: all tokens; those that occur in either text; or these, as a trained model has them.
    """
    if name.partition(":")[0] == "synthetic":
        return synthetic(int(name.partition(":")[2] or 0))
    if is_shards(name):
        return _from_shards(name, validation, tokenizer, alphabet)
    text = read_text(name)
    if validation is not None:
        held_out = read_text(validation)
        _refuse_overlap(text, held_out, name, validation)
    else:
        cut = int(len(text) * (1.0 - fraction))
        text, held_out = text[:cut], text[cut:]
    train_tokens, vocabulary, kind = _encode(text, tokenizer)
    held_tokens, _, _ = _encode(held_out, tokenizer)
    if alphabet == "compact":
        alphabet = tuple(np.flatnonzero(_occurs(train_tokens, vocabulary) | _occurs(held_tokens, vocabulary)).tolist())
    digest, rows = _digest(train_tokens), None
    if isinstance(alphabet, tuple) and len(alphabet) < vocabulary - 1:
        rows, vocabulary = alphabet, len(alphabet) + 1
        train_tokens, held_tokens = to_rows(train_tokens, rows), to_rows(held_tokens, rows)
    return Corpus(
        train_tokens,
        held_tokens,
        vocabulary,
        bytes_per_token=len(held_out) / max(1, len(held_tokens)),
        tokenizer=kind,
        digest=digest,
        alphabet=rows,
    )


def _from_shards(name: str, validation: str | None, tokenizer: str | None, alphabet: str | tuple[int, ...]) -> Corpus:
    given = {"--validation": validation, "--tokenizer": tokenizer}
    if given := {option: value for option, value in given.items() if value}:
        raise TrainerError(f"{name} is tokenized and split already: leave out {' and '.join(given)}")
    index = Index.read(Path(name))
    vocabulary, split = int(index.data["vocabulary"]), index.data["splits"]["validation"]
    occurring = np.zeros(vocabulary, dtype=bool)
    counts = index.counts().sum(axis=0)
    occurring[: len(counts)] = counts > 0
    if alphabet == "compact":
        alphabet = tuple(np.flatnonzero(occurring).tolist())
    rows, lookup = None, None
    if isinstance(alphabet, tuple) and len(alphabet) < vocabulary - 1:
        rows, lookup = alphabet, to_rows(np.arange(vocabulary), alphabet)
        vocabulary = len(alphabet) + 1
    train, held_out = (Shards(index.mapped(split), lookup) for split in SPLITS)
    return Corpus(
        train,
        held_out,
        vocabulary,
        bytes_per_token=split["bytes"] / split["tokens"],
        tokenizer=index.data["tokenizer"],
        digest=index.digest("train"),
        alphabet=rows,
        occurring=occurring,
    )


def _occurs(tokens: NDArray[np.unsignedinteger], vocabulary: int) -> NDArray[np.bool_]:
    return np.bincount(tokens, minlength=vocabulary) > 0


def to_rows(tokens: NDArray[np.integer], alphabet: tuple[int, ...]) -> NDArray[np.unsignedinteger]:
    """Rows of the vocabulary of tokens; a token that the alphabet does not have gets the last row."""
    found = np.full(
        max(int(tokens.max(initial=0)), max(alphabet)) + 1, len(alphabet), np.min_scalar_type(len(alphabet))
    )
    found[list(alphabet)] = np.arange(len(alphabet))
    return found[tokens]


def _refuse_overlap(text: bytes, held_out: bytes, name: str, validation: str) -> None:
    """Look for passages of the validation text, evenly spaced, in the training text."""
    size = min(OVERLAP_PASSAGE, len(held_out))
    starts = np.unique(np.linspace(0, len(held_out) - size, OVERLAP_LOOKS).astype(int))
    found = sum(held_out[i : i + size] in text for i in starts.tolist())
    if found:
        raise TrainerError(
            f"the validation text {validation} overlaps the training text {name}: {found} of {len(starts)} passages of "
            f"{size} bytes occur in both; give disjoint texts, or leave --validation out to hold back the text's tail"
        )


def read_text(name: str) -> bytes:
    """Bytes of a file, a folder's text files in order of name, or a named download."""
    if name in NAMED:
        return _fetch(name)
    path = Path(name)
    if path.is_dir():
        files = sorted(p for p in path.rglob("*") if p.suffix in TEXT_ENDINGS and p.is_file())
        if not files and any(path.glob("*.bin")):
            raise TrainerError(
                f"{path}: tokens without an index; `python -m reference_trainer tokenize {path} --out FOLDER` makes a corpus "
                "of them (or the folder was not written to its end: make it again)"
            )
        if not files:
            raise TrainerError(f"{path}: no text files ({', '.join(TEXT_ENDINGS)}) in this folder")
        return b"\n".join(read_text(str(p)) for p in files)
    opener = {".xz": lzma.open, ".gz": gzip.open}.get(path.suffix, open)
    try:
        with opener(path, "rb") as file:  # type: ignore[operator]
            text: bytes = file.read()
    except FileNotFoundError:
        raise TrainerError(
            f"corpus {name!r}: no such file or folder; other names are synthetic and {', '.join(NAMED)}"
        ) from None
    except (OSError, lzma.LZMAError, EOFError) as error:
        raise TrainerError(f"corpus {name!r} cannot be read: {error}") from None
    if not text:
        raise TrainerError(f"corpus {name!r} is empty")
    return text


def _fetch(name: str) -> bytes:
    url, sha256 = NAMED[name]
    try:
        import pooch
    except ImportError:
        raise TrainerError('fetching a corpus needs pooch: pip install "quokka-laws[trainer]"') from None
    try:
        path = pooch.retrieve(url, known_hash=f"sha256:{sha256}", path=pooch.os_cache("quokka-laws"))
    except Exception as error:  # pooch, requests and urllib each raise their own kinds
        raise TrainerError(f"cannot fetch {name} from {url}: {error}; give a text file instead") from None
    return Path(path).read_bytes()


def _encode(text: bytes, tokenizer: str | None) -> tuple[NDArray[np.unsignedinteger], int, str]:
    if tokenizer is None:
        return np.frombuffer(text, dtype=np.uint8), 256, "bytes"
    model = load_tokenizer(tokenizer)
    vocabulary = model.get_vocab_size()
    ids = np.array(model.encode(text.decode("utf-8", errors="replace")).ids, dtype=np.min_scalar_type(vocabulary))
    return ids, vocabulary, hashlib.sha256(Path(tokenizer).read_bytes()).hexdigest()[:12]


def load_tokenizer(path: str) -> Any:
    """A ``tokenizers.Tokenizer`` from its JSON file."""
    try:
        from tokenizers import Tokenizer
    except ImportError:
        raise TrainerError('a tokenizer file needs the tokenizers library: pip install "quokka-laws[bpe]"') from None
    if not Path(path).is_file():
        raise TrainerError(f"tokenizer {path!r}: no such file")
    try:
        return Tokenizer.from_file(path)
    except Exception as error:  # the library raises plain Exceptions
        raise TrainerError(f"tokenizer {path!r} is not a tokenizers JSON file: {error}") from None


class Codec:
    """Text to rows of a model's vocabulary and back.

    Parameters
    ----------
    tokenizer : str
        A ``tokenizers`` JSON file, or empty for bytes.
    alphabet : sequence of int or None
        Token of each row but the last, as in :class:`Corpus`.
    mask : int
        Row of the mask, shown as ▒.
    """

    def __init__(self, tokenizer: str, alphabet: Sequence[int] | None, *, mask: int) -> None:
        self._tokenizer = load_tokenizer(tokenizer) if tokenizer else None
        self._alphabet, self._mask = None if alphabet is None else tuple(alphabet), mask

    def encode(self, text: str) -> list[int]:
        """Rows of a text."""
        tokens = self._tokenizer.encode(text).ids if self._tokenizer else list(text.encode())
        if self._alphabet is None or not tokens:
            return list(tokens)
        found: list[int] = to_rows(np.array(tokens), self._alphabet).tolist()
        return found

    def decode(self, rows: list[int]) -> str:
        """Text of rows; � for a token outside the alphabet."""
        signs = {self._mask: "▒", self._unknown: "�"}
        spans = groupby(rows, signs.get)
        return "".join(sign * len(list(span)) if sign else self._text(list(span)) for sign, span in spans)

    @property
    def _unknown(self) -> int:
        return len(self._alphabet) if self._alphabet is not None else -2

    def _text(self, rows: list[int]) -> str:
        tokens = rows if self._alphabet is None else [self._alphabet[row] for row in rows]
        if self._tokenizer:
            return str(self._tokenizer.decode(tokens))
        return bytes(token for token in tokens if token < 256).decode(errors="replace")  # 256 ends a document of shards


def synthetic(seed: int, *, tokens: int = 4_000_000, held_out: int = 200_000) -> Corpus:
    """A stationary Markov chain over 256 symbols with an exactly known entropy rate.

    The log-odds of its transitions have singular values k^−0.75, so that a model of limited width misses a power law's
    share of them: a ladder has a floor to find, and it is the entropy rate, plus 1/context of what the first token of a
    sequence costs more for want of a predecessor. Many chains run side by side and are laid end to end.
    """
    rng = np.random.default_rng([seed, 7])
    V, chains = SYNTHETIC_VOCABULARY, SYNTHETIC_CHAINS
    left, right = (np.linalg.qr(rng.normal(size=(V, V)))[0] for _ in range(2))
    scale = np.arange(1, V + 1) ** -SYNTHETIC_DECAY
    odds = np.exp((left * scale) @ right.T * V / np.linalg.norm(scale))
    row = odds / odds.sum(axis=1, keepdims=True)
    stationary = np.full(V, 1.0 / V)
    for _ in range(1000):
        stationary = stationary @ row
    entropy = -float(stationary @ (row * np.log(row)).sum(axis=1))
    cumulative = row.cumsum(axis=1)
    length = -(-(tokens + held_out) // chains)
    text = np.empty((chains, length), dtype=np.uint8)
    state = rng.choice(V, chains, p=stationary / stationary.sum())
    for i in range(length):
        state = np.minimum((cumulative[state] < rng.random(chains)[:, None]).sum(axis=1), V - 1)
        text[:, i] = state
    symbols = text.ravel()
    train, validation = symbols[:tokens], symbols[tokens : tokens + held_out]
    return Corpus(train, validation, V, 1.0, "symbols", _digest(train), entropy_rate=entropy)


def _digest(tokens: NDArray[np.unsignedinteger]) -> str:
    return hashlib.sha256(tokens.tobytes()).hexdigest()[:16]
