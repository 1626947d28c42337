"""The main job, end to end: a sweep fitted both ways, the optimum with intervals, figures and the fit on disk."""

from __future__ import annotations

import contextlib
import textwrap
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from quokka_laws._spelling import either
from quokka_laws.evaluation.agreement import Disagreement, disagreement, second_opinions
from quokka_laws.evaluation.consensus import Consensus, consensus
from quokka_laws.exceptions import FitError, QuokkaError, RunsError
from quokka_laws.fitting.determined import one_ratio
from quokka_laws.fitting.diagnostics import Diagnosis
from quokka_laws.fitting.fit import fit
from quokka_laws.fitting.isoflop import fit_isoflops
from quokka_laws.laws import Chinchilla
from quokka_laws.literature import datasets
from quokka_laws.literature.registry import published
from quokka_laws.plan.compute import compute_optimal
from quokka_laws.plan.repeated import compute_and_data_optimal
from quokka_laws.progress import Progress
from quokka_laws.reporting import plot
from quokka_laws.reporting.text import (
    allocation_table,
    between,
    beyond_runs,
    members_table,
    outside_runs,
    plan_answer,
    repeats,
)
from quokka_laws.results.diagnostic import Diagnostic
from quokka_laws.results.fit_result import FitResult, FitStatus
from quokka_laws.results.format import WIDTH, human, indent, right_aligned, times
from quokka_laws.results.isoflop_fit import IsoflopFit
from quokka_laws.results.text import (
    choice_sentences,
    evidence,
    fit_answer,
    isoflop_sentences,
    isoflop_tables,
    numbered,
    paragraphs,
)
from quokka_laws.writing import make_folder

ROWS_DECIDE = "OUTLYING_ROWS"  # said first: it changes the answer itself
LLADA = 1.1e23  # FLOPs of LLaDA 8B's training


@dataclass(frozen=True)
class Study:
    """A parametric fit, IsoFLOP profiles where the runs allow them, and allocations at the budgets asked for."""

    fit: FitResult
    iso: IsoflopFit | None
    no_iso: str
    budgets: tuple[float, ...]
    unique: tuple[float, ...] = ()
    together: Consensus | None = None
    """The answer of laws and profiles together, where no law was named and there are several methods."""
    asked: bool = True
    """Whether the budgets were asked for; ten times the largest run's otherwise."""

    @cached_property
    def _own_plan(self) -> pd.DataFrame:
        return compute_optimal(self.fit, self.budgets)

    @property
    def has_optimum(self) -> bool:
        """Whether the law is one of N and D."""
        return self.fit.law.of_N_and_D

    def report(self) -> str:
        """Everything, as text: the answer, what to know before relying on it, the evidence."""
        return paragraphs(self.answer, numbered(self.known()), *self.evidence())

    @property
    def answer(self) -> str:
        """What to train at the budgets asked for; without any, the law in numbers."""
        said = self._allocations[0] or fit_answer(self.fit)
        if self.together is None and self.fit.status is FitStatus.NOT_CONVERGED:
            return f"No answer to rely on: the fit did not converge. Where it stopped:\n{said}"
        return said

    def known(self) -> list[str]:
        """What to know before relying on the answer."""
        return [said for said, _ in self.findings()]

    def findings(self) -> list[tuple[str, Diagnostic | None]]:
        """The sentences of :meth:`known`, each with the diagnostic of the fit that it words, if it words one."""
        profiles = [] if self.iso is None else isoflop_sentences(self.iso)
        own: list[tuple[str, Diagnostic | None]] = [(found.sentence(), found) for found in self.fit.diagnostics]
        decisive = [pair for pair in own if pair[1] is not None and pair[1].code == ROWS_DECIDE]
        return [
            *decisive,
            *((said, None) for said in self._allocations[1]),
            *(pair for pair in own if pair not in decisive),
            *((f"IsoFLOP profiles: {said}", None) for said in profiles),
        ]

    def evidence(self) -> list[str]:
        """Tables of the allocations, the fit, and IsoFLOP profiles."""
        profiles = isoflop_tables(self.iso) if self.iso is not None else ""
        if self.no_iso:
            profiles = textwrap.fill(f"IsoFLOP profiles: not possible. {self.no_iso}", WIDTH, subsequent_indent="  ")
        return [*self._allocations[2], evidence(self.fit), profiles]

    @cached_property
    def _allocations(self) -> tuple[str, list[str], list[str]]:
        """The answer, sentences on how far to rely on it, and tables."""
        if not self.budgets:
            return "", [], []
        if not self.has_optimum:
            return self._repeated()
        try:
            own = self._own_plan
        except FitError as error:
            return f"No allocation: {error}", [], []
        usual = "" if self.asked else ", ten times your largest run"
        if self.together is not None:
            return self._joint(self.together, usual)
        answers = [plan_answer(row, f"C = {row['C']:.3g}{usual}") for _, row in own.iterrows()]
        tables = [f"Compute-optimal by {self.fit.law.label}\n{allocation_table(own)}"]
        if self.iso is not None:
            tables.append(
                f"Compute-optimal by IsoFLOP profiles\n{allocation_table(compute_optimal(self.iso, self.budgets))}"
            )
        answers = [
            f"{said}. Other methods disagree: plan for {apart.span}" if apart else said
            for said, apart in zip(answers, self._apart, strict=True)
        ]
        return _wrapped(answers), self.cautions(), tables

    def _joint(self, together: Consensus, usual: str) -> tuple[str, list[str], list[str]]:
        """The answer of all methods, what each says by itself, and a table of them."""
        rows = together.table.assign(level=together.level)
        answers = []
        for _, row in rows.iterrows():
            said = plan_answer(row, f"C = {row['C']:.3g}{usual}")
            answers.append(f"{said}. {self._members(together, row['C'])}")
        wrapped = [line for one in answers for line in textwrap.wrap(one, WIDTH, subsequent_indent="  ")]
        known = [*self._outside(), *repeats(rows, self.unique), *self._chosen()]
        return "\n".join(wrapped), known, [f"Each method by itself\n{members_table(together.members, together.level)}"]

    @staticmethod
    def _members(together: Consensus, C: float) -> str:
        members = together.members[together.members["C"] == C].sort_values("weight", ascending=False)
        told = [f"{row['method']} {human(row['N'])} (weight {row['weight']:.2f})" for _, row in members.iterrows()]
        return f"Each method alone: {', '.join(told)}" if len(told) > 1 else f"By {members['method'].iloc[0]} alone"

    @cached_property
    def _apart(self) -> list[Disagreement | None]:
        """What other methods say at each budget, where it lies outside the fit's own interval."""
        others = second_opinions(self.fit, self.iso, self.budgets)
        return [disagreement(own, others, i) for i, (_, own) in enumerate(self._own_plan.iterrows())]

    def _repeated(self) -> tuple[str, list[str], list[str]]:
        """The best use of the budgets and of limited data, the loss at them, or what it takes to say."""
        law = self.fit.law
        if law.variables == ("C",):
            return self._of_compute()
        if "epochs" not in law.variables:
            return (
                f"{law.label} is a law of {', '.join(law.variables)}: it allocates no budget by itself; choose any of its variables with "
                f"{either('ql.plan.best', '`quokka-laws best`')}",
                [],
                [],
            )
        if not self.unique:
            return (
                f"{law.label} allocates a budget on limited data: say how many unique tokens there are, -U 100B",
                [],
                [],
            )
        try:
            plan = compute_and_data_optimal(self.fit, self.budgets, self.unique)
        except FitError as error:
            return f"No allocation: {error}", [], []
        answers = [
            plan_answer(row, f"C = {row['C']:.3g} and U_D = {human(row['U_D'])}", "epochs")
            for _, row in plan.iterrows()
        ]
        known = [
            f"{name} is up to {times(factor)} beyond your runs. {beyond_runs(self.fit)}."
            for name in ("N", "U_D", "epochs")
            if (factor := plan[f"extrapolation_{name}"].max()) > 1
        ]
        return "\n".join(answers), known, [f"Best model and epochs by {law.label}\n{indent(right_aligned(plan))}"]

    def _of_compute(self) -> tuple[str, list[str], list[str]]:
        """The loss at the budgets: all that a law of compute can say."""
        usual = "" if self.asked else ", ten times your largest run"
        answers = [
            f"At C = {row['C']:.3g}{usual}: predicted loss {row['loss']:.3f}{between(row, 'loss', '{:.3f}'.format)}"
            f"{self._at_one_ratio(row['C'])}"
            for _, row in self.fit.predict(C=np.array(self.budgets)).iterrows()
        ]
        return _wrapped(answers), [*self._outside(), *self._chosen()], []

    def _at_one_ratio(self, C: float) -> str:
        """The size and tokens that a budget comes to, where all runs are of one D/N."""
        runs = self.fit.runs
        if not {"N", "D"} <= set(runs) or not one_ratio(runs):
            return ""
        ratio = float((runs["D"] / runs["N"]).iloc[0])
        N = np.sqrt(C / (self.fit.conventions.flops_per_ND * ratio))
        return f", for {human(N)} parameters on {human(ratio * N)} tokens (D/N = {ratio:.3g}, as in all your runs)"

    def _chosen(self) -> list[str]:
        return [] if self.fit.choice is None else choice_sentences(self.fit.choice)

    def _outside(self) -> list[str]:
        outside = [
            f"C = {budget:.3g} is {factor} {side}" for budget, factor, side in outside_runs(self.fit, self.budgets)
        ]
        return (
            [f"{'; '.join(outside)}. {beyond_runs(self.fit, interval=self.together is not None)}."] if outside else []
        )

    def cautions(self) -> list[str]:
        """What to know before relying on the allocations."""
        said = [*self._outside(), *repeats(self._own_plan, self.unique), *self._chosen()]
        for (_, own), apart in zip(self._own_plan.iterrows(), self._apart, strict=True):
            if apart:
                said.append(
                    f"At C = {own['C']:.3g} the best size is {human(own['N'])} by {self.fit.label}, but {apart}."
                )
        return said

    def write(self, output: str | Path) -> list[Path]:
        """Write the fit: a name that ends in ``.json`` is a file; any other is a folder, which gets the figures too.

        Returns what was written.
        """
        output = Path(output)
        if output.suffix == ".json":
            return [self.fit.save(output)]
        make_folder(output)
        return [self.fit.save(output / "fit.json"), *self.draw(output)]

    def draw(self, folder: Path) -> list[Path]:
        """The figures, in a folder; returns what was written."""
        written = []
        if self.iso is not None:
            written.append(plot.save(plot.isoflop_profiles(self.iso), folder / "isoflop-profiles.png"))
        if self.has_optimum:
            at = self.budgets or None
            written.append(plot.save(plot.loss_against_compute(self.fit, C=at), folder / "loss-against-compute.png"))
            written.append(plot.save(plot.loss_contours(self.fit, C=at), folder / "loss-contours.png"))
            written.append(plot.save(plot.residuals(self.fit), folder / "residuals.png"))
        return written


def _wrapped(answers: list[str]) -> str:
    """Sentences one below the other, in lines of the usual width."""
    return "\n".join(line for one in answers for line in textwrap.wrap(one, WIDTH, subsequent_indent="  "))


def study(
    law: Any,
    runs: Any,
    *,
    C: Any = (),
    U_D: Any = (),
    bootstrap: int = 1000,
    seed: int = 0,
    **settings: Any,
) -> Study:
    """Fit a law and, where the runs share budgets, IsoFLOP profiles.

    Parameters
    ----------
    law, runs, bootstrap, seed
        As for :func:`quokka_laws.fit`. Without a law (None) one is chosen, and the answer is that of all methods together
        (:func:`quokka_laws.consensus`).
    C : float or sequence
        Training FLOPs of one run to allocate; ten times the largest run's where none is given.
    U_D : float or sequence
        Unique tokens, for laws of repeated data.
    **settings
        Further arguments of :func:`quokka_laws.fit`.
    """
    given = (runs,) if law is None else (law, runs)
    result = fit(*given, bootstrap=bootstrap, seed=seed, **settings)
    watched = bool(settings.get("progress"))
    iso, reason = None, ""
    if result.law.of_N_and_D:
        with Progress("IsoFLOP profiles", 1, enabled=watched):
            try:
                iso = fit_isoflops(result.runs, bootstrap=bootstrap, seed=seed)
            except RunsError as error:
                reason = str(error)
    budgets, unique = (tuple(float(v) for v in np.atleast_1d(given)) for given in (C, U_D))
    asked = bool(budgets) or not (result.law.of_N_and_D or result.law.variables == ("C",))
    if budgets and isinstance(result.diagnose, Diagnosis):
        result = replace(result, diagnose=replace(result.diagnose, C=max(budgets)))
    budgets = budgets if asked else (10 * result.fitted_range["C"][1],)
    together = None
    if law is None and result.law.of_N_and_D and not result.law.of_repetition:
        # The last checkpoints of few runs may determine no law by themselves.
        with Progress("all methods together", 1, enabled=watched), contextlib.suppress(RunsError):
            together = consensus(result.runs, budgets, prior=settings.get("prior", "auto"), seed=seed)
    if together is not None and together.alone == result.label:  # one law has one interval, that of its refits
        together = None
    return Study(result, iso, reason, budgets, unique, together, asked)


def quokka_demo(
    *, C: Any = (), bootstrap: int = 1000, seed: int = 0, progress: bool = False
) -> tuple[Study, list[str]]:
    """The main job on the digitised runs of the Quokka paper, and tables of the paper's numbers beside ours."""
    runs = datasets.load_quokka_isoflops()
    tables = datasets.load_quokka_tables()
    done = study(None, runs, C=(LLADA, *np.atleast_1d(C)), bootstrap=bootstrap, seed=seed, progress=progress)
    eq13 = fit(Chinchilla(), runs, bootstrap=bootstrap, seed=seed)
    if done.iso is None:
        raise QuokkaError(f"the shipped Quokka runs gave no IsoFLOP profiles: {done.no_iso}")
    printed, p = tables["eq13"], tables["approach1_text"]
    own = ("quokka-2025/parametric", "quokka-2025/isoflop")
    paper = {name: float(compute_optimal(published[name], LLADA)["N"].iloc[0]) for name in own}
    summary, v = eq13.summary, done.iso.summary
    law = pd.DataFrame(
        {
            "ours": summary["value"].map("{:.5g}".format),
            "95 %": [f"{a:.4g} … {b:.4g}" for a, b in zip(summary["lower"], summary["upper"], strict=True)],
            "paper (Eq. 13)": [f"{printed[k]:g}" for k in summary.index],
        }
    )
    law.index.name = None
    power = pd.DataFrame(
        {
            "ours": v["value"].map("{:.4g}".format),
            "95 %": [f"{a:.3g} … {b:.3g}" for a, b in zip(v["lower"], v["upper"], strict=True)],
            "paper (Sec. 3.2)": [p["kN"], p["a"], p["kD"], p["b"]],
        }
    )
    return done, [
        "The runs: 87 masked-diffusion runs of the Quokka paper (arXiv 2510.03280), digitised from its Figure 2; "
        f"C = {LLADA:.3g} is LLaDA's budget. The paper's own laws put the best size there at {human(paper['quokka-2025/parametric'])} "
        f"(Eq. 13) and {human(paper['quokka-2025/isoflop'])} (IsoFLOP)",
        f"Beside the paper: Chinchilla's law with LogHuber(delta=0.001), as the paper fits it\n{right_aligned(law, index=True)}",
        f"Beside the paper: IsoFLOP power laws\n{right_aligned(power, index=True)}",
    ]
