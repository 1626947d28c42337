"""Tables such as people drop on the application: odd column names, rows that stand out, names that are scripts."""

from __future__ import annotations

import pandas as pd
from synthetic import TRUE_CHINCHILLA, sweep

import quokka_laws as ql

SCRIPTS = (
    "<img src=x onerror=\"document.title='ran'\">",
    "<script>document.title='ran'</script>",
    "![p](http://127.0.0.1:9/leak.png)",
    "[link](javascript:document.title='ran')",
    "$\\\\href{javascript:1}{x}$ :material/home: :red[x]",
)
NOTE = 10_000  # letters
OUTLYING = 3  # rows that carry the answer


def dropped(*, runs: int = 24, scripts: bool = False) -> pd.DataFrame:
    """Runs whose parameters are in a column that no one can guess, in millions; the dearest lie above their law."""
    table = sweep(ql.laws.Chinchilla(), TRUE_CHINCHILLA, runs=runs, noise=0.003, seed=4)
    table = table.sort_values("C", ascending=False, ignore_index=True)
    loss = table["loss"].to_numpy().copy()
    loss[:OUTLYING] *= 1.06
    names = [f"run-{i}" for i in range(runs)]
    if scripts:
        names[: len(SCRIPTS)] = SCRIPTS
    return pd.DataFrame({"name": names, "weights_m": table["N"] / 1e6, "tokens": table["D"], "val_loss": loss})


def csv(table: pd.DataFrame) -> bytes:
    """As a file."""
    return table.to_csv(index=False).encode()


def large_csv(megabytes: float) -> bytes:
    """Few runs with many long notes: a file of that size that is quickly fitted."""
    table = dropped().rename(columns={"weights_m": "params_m"})
    notes = int(megabytes * 1e6 / len(table) / NOTE) + 1
    return csv(table.assign(**{f"note {i}": "x" * NOTE for i in range(notes)}))
