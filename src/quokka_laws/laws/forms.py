"""Forms that papers print for columns beyond N and D, by name: mixture of experts, vocabulary, mixtures, width and depth.

Each is a formula with its meaning in words and the place where it was read; ``docs/forms.md`` is their table. A form is a law
once it is named, ``ql.law("moe-abnar")``, with columns of other names in brackets, ``"moe-abnar(N_total=params)"``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from quokka_laws._expression_tree import quoted
from quokka_laws._expressions import nearest
from quokka_laws.exceptions import ExpressionError
from quokka_laws.laws.formula import Formula

_NAMED = re.compile(r"\s*([a-z][a-z0-9]*(?:-[a-z0-9]+)+)\s*(?:\(([^()]*)\)\s*)?")
_ARGUMENT = re.compile(r"(?:`[^`]*`|[^,`])+")


@dataclass(frozen=True)
class Form:
    """One row of the table of forms.

    Parameters
    ----------
    name : str
    formula : str
        As :func:`quokka_laws.law` reads it; ``{first}``, ``{others}`` of a form of any number of columns.
    variables : mapping of str to str
        Column → what it holds. Empty for a form of any number of columns, which are named in brackets.
    meanings : mapping of str to str
        Coefficient → what it says.
    of : str
        What the loss is a law of, in a few words.
    not_when : str
        When not to use it.
    source : str
        Paper, and the number of the equation.
    start : mapping of str to (float, float)
        Ranges for automatic starts, where the place of a coefficient does not say enough.
    least : mapping of str to float
        Lower bounds.
    """

    name: str
    formula: str
    variables: Mapping[str, str]
    meanings: Mapping[str, str]
    of: str
    not_when: str
    source: str
    start: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    least: Mapping[str, float] = field(default_factory=dict)

    def law(self, columns: Sequence[str] = (), renamed: Mapping[str, str] | None = None) -> Formula:
        """The form as a law, of these columns.

        Parameters
        ----------
        columns : sequence of str
            Of a form of any number of columns: which.
        renamed : mapping of str to str, optional
            Variable of the form → the column that holds it.
        """
        text, variables, meanings = self.formula, dict.fromkeys(self.variables), dict(self.meanings)
        if not self.variables:
            text, variables, meanings = _of_shares(self, columns)
        if renamed:
            text = re.sub(r"[^\W\d]\w*", lambda name: quoted(renamed.get(name[0], name[0])), text)
            variables = dict.fromkeys(renamed.get(k, k) for k in variables)
        return Formula(
            text,
            of=tuple(variables),
            start=tuple((k, *pair) for k, pair in self.start.items()),
            bounds=tuple((k, low, float("inf")) for k, low in self.least.items()),
            meanings=tuple(meanings.items()),
            called=self.name,
            origin=self.source,
        )


def _of_shares(form: Form, columns: Sequence[str]) -> tuple[str, dict[str, None], dict[str, str]]:
    """The exponential law of a mixture of these domains, the first of which is what the others are compared with."""
    if len(columns) < 2:
        raise ExpressionError(f"{form.name} needs the columns of the shares: {form.name}(web, code, books)")
    names = {column: "t_" + (re.sub(r"\W+", "_", column).strip("_") or "share") for column in columns[1:]}
    inside = " + ".join(f"{t}*{quoted(column)}" for column, t in names.items())
    meanings = dict(form.meanings)
    for column, t in names.items():
        meanings[t] = f"effect of more {column} in place of {columns[0]} on the logarithm of what stands above c"
    return form.formula.format(inside=inside), dict.fromkeys(columns[1:]), meanings


EXPERTS_HAT = "X = 1/(1/(experts - 1 + 1/(1/E_start - 1/E_max)) + 1/E_max)"
_OF_EXPERTS = {
    "E_start": "effective number of experts of a dense model, experts = 1",
    "E_max": "effective number of experts that no number exceeds",
}

PASSES = 24
"""Passes over the data that the law of quality counts one by one; the utility of later ones is taken for nothing."""
_PASSES = " + ".join(
    ["log(U_D)", "log(min(1, epochs))", "r*log(min(max(epochs, 1), 2))"]
    + [f"r^{k}*log(min(max(epochs, {k}), {k + 1})/{k})" for k in range(2, PASSES)]
)

FORMS: dict[str, Form] = {
    form.name: form
    for form in (
        Form(
            "moe-krajewski",
            "c + a/N_total^alpha + g/(granularity^gamma*N_total^alpha) + b/D^beta",
            {
                "N_total": "all parameters without embeddings",
                "granularity": "how many experts one of the usual width is split into",
                "D": "tokens",
            },
            {
                "c": "irreducible loss",
                "a": "size of the capacity term at infinite granularity",
                "alpha": "how fast more parameters help",
                "g": "what coarse experts add to the capacity term",
                "gamma": "how fast finer experts take that away",
                "b": "size of the data term",
                "beta": "how fast more tokens help",
            },
            "parameters, tokens and granularity of experts, at one expansion rate",
            "if the number of experts for each active one varies: it has no such variable (the paper has 64). Routing costs, "
            "which grow with granularity, are not in it.",
            "Krajewski et al. 2024, arXiv 2402.07871, Eq. 9",
        ),
        Form(
            "moe-ludziejewski",
            "c + a*X^delta*N_active^(alpha + gamma*log(X)) + b*X^omega*D^(beta + zeta*log(X)); " + EXPERTS_HAT,
            {
                "N_active": "active parameters with embeddings",
                "experts": "number of experts, one of them active",
                "D": "tokens",
            },
            {
                "c": "irreducible loss",
                "a": "size of the capacity term",
                "delta": "how experts change the size of the capacity term",
                "alpha": "exponent of active parameters (negative)",
                "gamma": "how experts change that exponent",
                "b": "size of the data term",
                "omega": "how experts change the size of the data term",
                "beta": "exponent of tokens (negative)",
                "zeta": "how experts change that exponent",
                **_OF_EXPERTS,
            },
            "active parameters, tokens and number of experts, dense models among them",
            "with fewer than about sixty runs, or few numbers of experts: it has eleven coefficients. Hold E_start and E_max "
            "then (2.07 and 290 in the paper).",
            "Ludziejewski et al. 2025, arXiv 2502.05172, Eq. 6 and Sec. 3 for the transformed number of experts",
            start={
                "delta": (-0.5, 0.5),
                "omega": (-0.5, 0.7),
                "alpha": (-0.6, -0.05),
                "beta": (-0.6, -0.05),
                "gamma": (-0.03, 0.03),
                "zeta": (-0.05, 0.03),
                "E_start": (1.2, 6.0),
                "E_max": (30.0, 1000.0),
            },
        ),
        Form(
            "moe-abnar",
            "e + a/N_total^alpha + b/D^beta + c/(1 - sparsity)^lam + d/((1 - sparsity)^delta*N_total^gamma)",
            {
                "N_total": "all parameters",
                "sparsity": "share of experts that are inactive, 0 for a dense model",
                "D": "tokens",
            },
            {
                "e": "irreducible loss",
                "a": "size of the capacity term",
                "alpha": "how fast more parameters help",
                "b": "size of the data term",
                "beta": "how fast more tokens help",
                "c": "size of the term of sparsity alone",
                "lam": "its exponent; negative: sparser is better",
                "d": "size of the term of sparsity and parameters together",
                "delta": "how sparsity enters there",
                "gamma": "how parameters enter there",
            },
            "all parameters, tokens and sparsity",
            "with few levels of sparsity: ten coefficients, and the term of sparsity alone cannot be told from the floor where "
            "its exponent is near zero.",
            "Abnar et al. 2025, arXiv 2501.12370, Eq. 6",
            start={"lam": (-0.75, 0.5), "delta": (-0.5, 0.75)},
        ),
        Form(
            "moe-sldbench",
            "L + K/(N_dense^alpha*experts^beta)",
            {"N_dense": "parameters of the dense model that experts were added to", "experts": "number of experts"},
            {
                "L": "irreducible loss",
                "K": "size of the term",
                "alpha": "how fast more parameters help",
                "beta": "how fast more experts help",
            },
            "dense parameters and number of experts, at one number of tokens",
            "beyond the numbers of experts you have: more experts never stop helping in it.",
            "SLDBench, arXiv 2507.21184, its moe task: the form several agents found (linhaowei1.github.io/scaling_law_discovery)",
        ),
        Form(
            "vocabulary-tao",
            "E + A1/N_nonvocab^alpha1 + A2/N_vocab^alpha2 + B/D^beta",
            {
                "N_nonvocab": "parameters outside the embeddings",
                "N_vocab": "parameters of the embeddings, vocabulary times width",
                "D": "tokens",
            },
            {
                "E": "irreducible loss",
                "A1": "size of the term of other parameters",
                "alpha1": "how fast they help",
                "A2": "size of the vocabulary term",
                "alpha2": "how fast a larger vocabulary helps",
                "B": "size of the data term",
                "beta": "how fast more tokens help",
            },
            "vocabulary, other parameters and tokens",
            "with losses per token: those of different vocabularies do not compare; give bits per byte. The paper fits losses "
            "relative to a unigram model, which are negative and so have -E; it ties alpha1 to beta.",
            "Tao et al. 2024, arXiv 2407.13623; its code, sail-sg/scaling-with-vocab, approach3_isoloss.py",
        ),
        Form(
            "mixture-ye",
            "c + k*exp({inside})",
            {},
            {"c": "loss that no mixture goes below", "k": "what stands above it with the first domain alone"},
            "shares of domains, at one size and number of tokens",
            "where size or tokens vary, or with fewer mixtures than twice the domains. The shares sum to one, so the first domain "
            "has no coefficient of its own.",
            "Ye et al. 2024, arXiv 2403.16952, Eq. 7; its code, yegcjs/mixinglaws, mix_5_domains.ipynb",
        ),
        Form(
            "quality-goyal",
            f"E + A*exp(-b*Z); Z = {_PASSES}; r = 0.5^(1/tau)",
            {"U_D": "unique samples of one pool of data", "epochs": "passes over them"},
            {
                "E": "loss that no amount of this data goes below",
                "A": "size of what stands above it after one sample",
                "b": "utility of the pool: how fast its fresh data help",
                "tau": "passes after which the utility has halved",
            },
            "unique samples of a pool and passes over it, at one size; fit each pool and compare b and tau",
            f"for mixtures of pools, or past {PASSES} passes, which it takes for worthless. The paper fits error rates of CLIP models, "
            "not losses of language models.",
            "Goyal et al. 2024, arXiv 2404.07177; its code, locuslab/scaling_laws_data_filtering, objective.py",
            start={"b": (0.02, 0.8), "tau": (0.5, 20.0)},
            least={"b": 0.0},
        ),
        Form(
            "width-depth-mcleish",
            "E + A/width^alpha + B/depth^beta + G/D^gamma",
            {"width": "width of the model", "depth": "number of layers", "D": "tokens"},
            {
                "E": "irreducible loss",
                "A": "size of the width term",
                "alpha": "how fast more width helps",
                "B": "size of the depth term",
                "beta": "how fast more depth helps",
                "G": "size of the data term",
                "gamma": "how fast more tokens help",
            },
            "width, depth and tokens",
            "if all models have one ratio of width to depth: then the two terms cannot be told apart.",
            "McLeish et al. 2025 (Gemstones), arXiv 2502.06857; its code, mcleish7/gemstone-scaling-laws, depth_width.py",
        ),
    )
}


def form_law(text: object) -> Formula | None:
    """The law of a form, ``moe-abnar`` or ``moe-abnar(N_total=params)``; None if the text names no form.

    Raises
    ------
    ExpressionError
        For columns in brackets that the form does not take.
    """
    match = _NAMED.fullmatch(text) if isinstance(text, str) else None
    if match is None or match[1] not in FORMS:
        return None
    form = FORMS[match[1]]
    given = [part.strip() for part in _ARGUMENT.findall(match[2] or "") if part.strip()]
    if not form.variables:
        return form.law([part.strip("`") for part in given])
    renamed: dict[str, str] = {}
    for part in given:
        name, mark, column = (piece.strip() for piece in part.partition("="))
        if not mark or name not in form.variables or not column:
            near = nearest(name, form.variables)
            raise ExpressionError(
                f"{form.name}({part}): in brackets stand variables and your columns, such as "
                f"{form.name}({near or next(iter(form.variables))}=column); its variables are {', '.join(form.variables)}"
            )
        renamed[name] = column.strip("`")
    return form.law(renamed=renamed)
