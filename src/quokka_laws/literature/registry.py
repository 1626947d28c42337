"""Laws that others published, exactly as published, with source, conventions and status.

``published["besiroglu-2024"]`` is a :class:`~quokka_laws.FittedLaw` that predicts and plans like any fit of your own;
what was published of a law in part is an :class:`~quokka_laws.literature.partial_laws.Allocation` (``N = k·C^a``) or a
:class:`~quokka_laws.literature.partial_laws.Repetition` (what repeated tokens are worth). A law whose numbers could not be checked against
its paper is marked ``secondary`` and stays out of defaults.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from quokka_laws._spelling import either
from quokka_laws.exceptions import ArgumentError
from quokka_laws.laws import Law, from_spec
from quokka_laws.literature.datasets import data_folder
from quokka_laws.literature.partial_laws import Allocation, Repetition
from quokka_laws.results.fitted_law import FittedLaw
from quokka_laws.results.storage import read_fit
from quokka_laws.runs.conventions import Conventions

DEFAULTS = (
    "besiroglu-2024",
    "chinchilla-2022/isoflop",
    "llama3-2024",
    "quokka-2025/isoflop",
    "quokka-2025/parametric",
)
_FORMS = {"allocation": "k·C^a", "repetition": "effective data, in part"}


class Registry(Mapping[str, FittedLaw | Allocation | Repetition]):
    """Published laws by name; ``table()`` lists them, ``cite(name)`` gives BibTeX."""

    @cached_property
    def _entries(self) -> dict[str, dict[str, Any]]:
        text = (data_folder() / "published" / "laws.json").read_text(encoding="utf-8")
        return {entry["name"]: entry for entry in json.loads(text)["laws"]}

    def entry(self, name: str) -> dict[str, Any]:
        """Everything on record about a law: title, source, status, note, conventions, vectors.

        Raises
        ------
        KeyError
            With the nearest names, if there is no such law.
        """
        if name not in self._entries:
            asked = re.sub("(?i)hoffmann", "chinchilla", name)  # the name of the paper's first author
            near = difflib.get_close_matches(asked, self._entries, n=3, cutoff=0.3)
            hint = f"; did you mean {' or '.join(near)}?" if near else "."
            raise KeyError(f"no published law is called {name!r}{hint} See `quokka-laws laws` for all {len(self)}")
        return self._entries[name]

    def __getitem__(self, name: str) -> FittedLaw | Allocation | Repetition:
        entry = self.entry(name)
        conventions = Conventions.from_dict(entry["conventions"])
        ranges = {k: (float(v[0]), float(v[1])) for k, v in entry["fitted_range"].items()}
        if not entry["status"].startswith(("confirmed", "reproduced")):
            name = f"{name} [{entry['status'].split(':')[0].split(',')[0]}]"  # marked wherever it is shown
        if entry["kind"] == "allocation":
            numbers = {k: v for k, v in entry["values"].items() if k != "size"}
            return Allocation(numbers, conventions, name, entry["values"].get("size", "N"), ranges)
        if entry["kind"] == "repetition":
            return Repetition(entry["values"], conventions, name, ranges)
        return FittedLaw(from_spec(entry["law"]), entry["values"], conventions, ranges, name=name)

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def table(self) -> pd.DataFrame:
        """One row per law: what it is, what it counts, where it is from, how far to trust the numbers."""
        rows = []
        for name, e in self._entries.items():
            low, high = e["fitted_range"].get("C", (np.nan, np.nan))
            rows.append(
                {
                    "name": name,
                    "year": e["year"],
                    "arxiv": e["arxiv"],
                    "form": _FORMS.get(e["kind"]) or e["law"]["name"],
                    **{
                        k: e["conventions"].get(k, "unstated")
                        for k in ("N_counts", "loss_split", "loss_kind", "loss_unit")
                    },
                    "tokenizer": e["conventions"].get("tokenizer", "unstated"),
                    "corpus": e["conventions"].get("corpus", "unstated"),
                    "C_min": low,
                    "C_max": high,
                    "status": e["status"],
                    "default": e["default"],
                    "title": e["title"],
                    "source": e["source"],
                }
            )
        return pd.DataFrame(rows)

    def defaults(self) -> list[str]:
        """Laws of N and D that plans use when none is named: checked, meant for planning, one per source."""
        return list(DEFAULTS)

    def cite(self, name: str) -> str:
        """BibTeX of the paper a law is from."""
        e = self.entry(name)
        key = name.replace("/", "-")
        return (
            f"@misc{{{key},\n  title = {{{e['title']}}},\n  year = {{{e['year']}}},\n  eprint = {{{e['arxiv']}}},\n"
            f"  archivePrefix = {{arXiv}},\n  note = {{{e['source']}}}\n}}"
        )

    def _repr_html_(self) -> str:
        return str(self.table().drop(columns=["source", "default"]).to_html(index=False, na_rep="–"))

    def __repr__(self) -> str:
        return f"<{len(self)} published laws; .table() lists them>"


published = Registry()


def law_of(given: Any, *, repeated: bool = False) -> Any:
    """A law to plan with: a fit, an allocation, the name of a published law, or the path of a saved fit.

    Parameters
    ----------
    given
        The name of a paper stands for its law that fits the question: ``"quokka-2025"`` for ``"quokka-2025/repeated"`` where
        the question is one of repeated data, else for ``"quokka-2025/parametric"``.
    repeated : bool
        Whether the question is one of repeated data.

    Raises
    ------
    ArgumentError
        If it is none of these; the message has the nearest names.
    """
    if isinstance(given, Path):
        return read_fit(given)
    if isinstance(given, str):
        if given not in published and (given.endswith(".json") or Path(given).is_file()):
            return read_fit(given)
        try:
            return published[full_name(given, repeated=repeated)]
        except KeyError as error:
            raise ArgumentError(f"{error.args[0]}; or give the path of a fit.json") from None
    if isinstance(given, Law) or (isinstance(given, type) and issubclass(given, Law)):
        name = given.name
        raise ArgumentError(
            f"{name} is a law without numbers: fit it first, {either(f'ql.fit({name!r}, runs)', f'`quokka-laws fit RUNS --law {name}`')}, "
            f"or name a published law ({either('ql.published.table()', '`quokka-laws published`')})"
        )
    if not hasattr(given, "label"):
        raise ArgumentError(
            f"{type(given).__name__} is no law with numbers: give a fit, the name of a published law, or a list of them"
        )
    return given


def full_name(name: str, *, repeated: bool = False) -> str:
    """A name as the registry has it: that of a paper stands for its law that fits the question."""
    if name in published:
        return name
    laws = {k: published[k] for k in published if k.startswith(f"{name}/")}

    def rank(key: str) -> tuple[bool, bool, bool]:
        law = laws[key]
        fits = isinstance(law, FittedLaw) and ("epochs" in law.law.variables) == repeated
        return (fits, isinstance(law, FittedLaw), bool(published.entry(key)["default"]))

    return max(laws, key=rank) if laws else name
