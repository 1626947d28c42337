"""Text → tokens: files, folders, compressed text, a synthetic source of known entropy, or a name to fetch.

Bytes are the tokens unless a ``tokenizers`` file is given. Training and validation never overlap: validation is its
own file, or the tail of the text.
"""

from __future__ import annotations

import gzip
import hashlib
import lzma
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from reference_trainer.errors import TrainerError

NAMED = {
    "tiny-shakespeare": (
        "https://raw.githubusercontent.com/karpathy/char-rnn/master/data/tinyshakespeare/input.txt",
        "86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed",
    )
}
TEXT_ENDINGS = (".txt", ".md", ".py", ".xz", ".gz")
OVERLAP_PASSAGE, OVERLAP_LOOKS = 200, 24  # bytes; how many passages of the validation text are looked for
UNIQUE_SEED = 20251003
SYNTHETIC_STATES, SYNTHETIC_VOCABULARY = 8, 16


@dataclass(frozen=True)
class Corpus:
    """Tokens to train on and to validate on.

    Parameters
    ----------
    train, validation : array of int
        In the smallest unsigned type that holds the vocabulary.
    vocabulary : int
    bytes_per_token : float
        Of the validation text, for bits per byte.
    tokenizer : str
        ``"bytes"``, ``"symbols"`` (synthetic) or the hash of a tokenizer file.
    digest : str
        sha256 of the training tokens, shortened.
    entropy_rate : float or None
        Known entropy of the source in nats per token, if it is synthetic.
    """

    train: NDArray[np.unsignedinteger]
    validation: NDArray[np.unsignedinteger]
    vocabulary: int
    bytes_per_token: float
    tokenizer: str
    digest: str
    entropy_rate: float | None = None

    def unique(self, tokens: int, context: int, *, at_least: int = 1) -> NDArray[np.unsignedinteger]:
        """``tokens`` training tokens as rows of one context each, ``at_least`` so many rows.

        Rows are drawn from the whole corpus in one fixed random order, so that a small subset is as varied a sample
        of it as a large one, and subsets of growing size are nested.
        """
        if tokens > len(self.train):
            raise TrainerError(
                f"{tokens:,} unique tokens were asked for, the corpus has {len(self.train):,}; "
                "lower --unique-tokens or give more text"
            )
        rows = tokens // context
        if rows < at_least:
            raise TrainerError(
                f"{tokens:,} unique tokens (the corpus has {len(self.train):,}) are fewer than one batch of "
                f"{at_least} sequences of {context} tokens; give more text, or lower --batch or --context"
            )
        order = np.random.default_rng(UNIQUE_SEED).permutation(len(self.train) // context)
        return self.train[: len(order) * context].reshape(-1, context)[order[:rows]]


@lru_cache(maxsize=2)  # a worker trains many runs on one corpus
def load(name: str, *, validation: str | None = None, tokenizer: str | None = None, fraction: float = 0.1) -> Corpus:
    """Load a corpus.

    Parameters
    ----------
    name : str
        Path of a text file or a folder of them (``.xz`` and ``.gz`` are unpacked), ``"synthetic"``, or
        ``"tiny-shakespeare"``.
    validation : str, optional
        Separate validation text; otherwise the last ``fraction`` of the text.
    tokenizer : str, optional
        A ``tokenizers`` JSON file.
    """
    if name.partition(":")[0] == "synthetic":
        return synthetic(int(name.partition(":")[2] or 0))
    text = read_text(name)
    if validation is not None:
        held_out = read_text(validation)
        _refuse_overlap(text, held_out, name, validation)
    else:
        cut = int(len(text) * (1.0 - fraction))
        text, held_out = text[:cut], text[cut:]
    train_tokens, vocabulary, kind = _encode(text, tokenizer)
    held_tokens, _, _ = _encode(held_out, tokenizer)
    return Corpus(
        train_tokens,
        held_tokens,
        vocabulary,
        bytes_per_token=len(held_out) / max(1, len(held_tokens)),
        tokenizer=kind,
        digest=_digest(train_tokens),
    )


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
    try:
        from tokenizers import Tokenizer
    except ImportError:
        raise TrainerError('a tokenizer file needs the tokenizers library: pip install "quokka-laws[bpe]"') from None
    if not Path(tokenizer).is_file():
        raise TrainerError(f"tokenizer {tokenizer!r}: no such file")
    model = Tokenizer.from_file(tokenizer)
    vocabulary = model.get_vocab_size()
    ids = np.array(model.encode(text.decode("utf-8", errors="replace")).ids, dtype=np.min_scalar_type(vocabulary))
    return ids, vocabulary, hashlib.sha256(Path(tokenizer).read_bytes()).hexdigest()[:12]


def synthetic(seed: int, *, tokens: int = 4_000_000, held_out: int = 200_000) -> Corpus:
    """A stationary Markov chain over 16 symbols, seen with its states: its entropy rate is known exactly.

    The next symbol depends on a hidden regime that is a function of the last two symbols, so a model has something
    to learn beyond bigrams, and the entropy rate is still the stationary mean of the rows' entropies.
    """
    rng = np.random.default_rng([seed, 7])
    V = SYNTHETIC_VOCABULARY
    regimes = rng.integers(0, SYNTHETIC_STATES, (V, V))
    table = rng.dirichlet(np.full(V, 0.25), SYNTHETIC_STATES)
    row = table[regimes]  # (previous two symbols) → distribution of the next
    # Stationary distribution over pairs (a, b) → (b, c), by power iteration.
    pair = np.full((V, V), 1.0 / V**2)
    for _ in range(2000):
        pair = np.einsum("ab,abc->bc", pair, row)
    entropy = -np.einsum("ab,abc->", pair, row * np.log(np.maximum(row, 1e-300)))
    uniforms = rng.random(tokens + held_out)
    cumulative = row.cumsum(axis=2)
    symbols = np.empty(tokens + held_out, dtype=np.uint8)
    a, b = 0, 0
    lookup = cumulative.tolist()
    from bisect import bisect_right

    for i, u in enumerate(uniforms.tolist()):
        a, b = b, min(bisect_right(lookup[a][b], u), V - 1)
        symbols[i] = b
    return Corpus(
        symbols[:tokens], symbols[tokens:], V, 1.0, "symbols", _digest(symbols[:tokens]), entropy_rate=float(entropy)
    )


def _digest(tokens: NDArray[np.unsignedinteger]) -> str:
    return hashlib.sha256(tokens.tobytes()).hexdigest()[:16]
