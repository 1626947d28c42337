"""A report as a run of Weights & Biases: the page, its tables, and the answer among the run's facts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from quokka_laws.exceptions import MissingDependencyError, OutputError
from quokka_laws.results.fit_result import FitResult

if TYPE_CHECKING:
    from quokka_laws.reporting.page import Page

MOST_ROWS = 10_000  # W&B shows no more of a table


def need_wandb() -> Any:
    """The client of W&B, or what to install."""
    try:
        import wandb
    except ImportError:
        raise MissingDependencyError('a report to W&B needs wandb: pip install "quokka-laws[wandb]"') from None
    return wandb


def to_wandb(page: Page, fit: FitResult, *, project: str) -> str:
    """Log a page to a new run; where W&B is offline, to its folder, for ``wandb sync``.

    Parameters
    ----------
    page : Page
        As HTML or Markdown.
    fit : FitResult
        Its coefficients become the run's configuration.
    project : str

    Returns
    -------
    str
        The run's address, or its folder.

    Raises
    ------
    MissingDependencyError
        Without ``wandb``.
    OutputError
        Where W&B refuses the run, such as without a login.
    """
    wandb = need_wandb()
    config = {"law": fit.law.name, "equation": fit.law.equation, **fit.values, "rows": len(fit.runs), "seed": fit.seed}
    try:
        run = wandb.init(project=project, job_type="report", name=f"report of {fit.label}", config=config)
    except wandb.errors.Error as error:
        raise OutputError(f"W&B: {error}; WANDB_MODE=offline writes to a folder, for `wandb sync`") from None
    try:
        logged: dict[str, object] = {"report": wandb.Html(page.text, inject=False)}
        for name, table in page.numbers.items():
            shown = table.head(MOST_ROWS).rename(columns=str)
            logged[name] = wandb.Table(dataframe=shown.astype(dict.fromkeys(shown.select_dtypes("object"), str)))
        run.log(logged)
        run.summary["answer"] = page.answer
        run.summary["before you rely on it"] = page.known
        return str(run.url or run.dir)
    finally:
        run.finish()
