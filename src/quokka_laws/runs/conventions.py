"""What the numbers mean: conventions that travel with runs, fits and published laws."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass, fields
from typing import Any

import numpy as np

from quokka_laws.exceptions import RunsError

UNSTATED = "unstated"
AS_GIVEN = "as given"


@dataclass(frozen=True)
class Conventions:
    """How the columns of a table of runs were counted.

    Parameters
    ----------
    flops : str
        FLOP rule relating C, N and D: ``"6ND"``, ``"2ND"`` …, or ``"as given"`` when C is taken from the table and
        checked against nothing; checked runs then carry what their C says, ``"as given (8.4ND)"``.
    N_counts : str
        ``"total"`` parameters, ``"non-embedding"``, ``"active"``, ``"FLOPs per token"`` or ``"unstated"``.
    loss_split : str
        ``"training"``, ``"validation"`` or ``"unstated"``.
    loss_kind : str
        ``"exact NLL"`` (autoregressive), ``"ELBO bound"`` (diffusion) or ``"unstated"``.
    loss_unit : str
        ``"nats/token"`` or ``"bits/byte"``.
    tokenizer, corpus : str
        Losses per token compare only for the same tokenizer; all losses only on the same text.
    """

    flops: str = "6ND"
    N_counts: str = UNSTATED
    loss_split: str = UNSTATED
    loss_kind: str = UNSTATED
    loss_unit: str = "nats/token"
    tokenizer: str = UNSTATED
    corpus: str = UNSTATED

    @classmethod
    def from_dict(cls, given: dict[str, Any]) -> Conventions:
        """From a mapping; unknown keys are ignored so that newer files can be read."""
        known = {f.name for f in fields(cls)}
        return cls(**{k: str(v) for k, v in given.items() if k in known})

    def to_dict(self) -> dict[str, str]:
        """As a plain mapping."""
        return asdict(self)

    @property
    def flops_per_ND(self) -> float:
        """The constant k of C = k·N·D; the runs' median where C is as given, 6 where they do not say one."""
        return flops_constant(self.flops)

    @property
    def family(self) -> str:
        """The kind of model behind the loss: only diffusion reports a bound; ``"unstated"`` where the loss is."""
        return {"exact NLL": "autoregressive", "ELBO bound": "diffusion"}.get(self.loss_kind, UNSTATED)

    @property
    def counting_of_C(self) -> str:
        """How C was counted, in words."""
        return f"C {self.flops}" if self.flops.startswith(AS_GIVEN) else f"C by {self.flops}"

    def describe(self) -> str:
        """One line for reports."""
        stated = [
            self.counting_of_C,
            f"N counts {self.N_counts}" if self.N_counts != UNSTATED else "N: counting rule unstated",
            f"{self.loss_split} loss" if self.loss_split != UNSTATED else "loss: training or validation unstated",
            *([self.loss_kind] if self.loss_kind != UNSTATED else []),
            self.loss_unit,
        ]
        return ", ".join(stated)


def flops_constant(rule: str) -> float:
    """The k of a FLOP rule written ``kND`` or ``as given (kND)``; 6 of a bare ``as given``.

    Raises
    ------
    RunsError
        If the rule is none of these, with a positive number k.
    """
    if rule == AS_GIVEN:
        return 6.0
    number = r"\s*(\d+(?:\.\d+)?(?:e[+-]?\d+)?)\s*\*?\s*N\s*\*?\s*D\s*"
    match = re.fullmatch(number, rule) or re.fullmatch(rf"{AS_GIVEN} \({number}\)", rule)
    if not match or float(match[1]) <= 0:
        raise RunsError(f"FLOP rule {rule!r} is not understood; write it as '6ND' (C = 6·N·D) or 'as given'")
    return float(match[1])


def training_flops(N: Any, D: Any, rule: str = "6ND") -> Any:
    """C = k·N·D in floating point: integer columns are cast first, since 6·N·D overflows 64-bit integers."""
    return flops_constant(rule) * np.asarray(N, dtype=float) * np.asarray(D, dtype=float)
