"""Each optional dependency hidden in turn: the one sentence that is said names the extra that brings it."""

from __future__ import annotations

import re
import sys
import tomllib
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

import quokka_laws as ql

ROOT = Path(__file__).parents[1]
ZST = bytes.fromhex("28b52ffd2004210000612c620a")  # "a,b\n" as one raw block


def _file(name: str, content: bytes) -> Callable[[Path], object]:
    def read(folder: Path) -> object:
        (folder / name).write_bytes(content)
        return ql.read_runs(folder / name)

    return read


def _workbook(folder: Path) -> object:
    with zipfile.ZipFile(folder / "runs.xlsx", "w") as book:
        book.writestr("[Content_Types].xml", "<Types/>")
        book.writestr("xl/workbook.xml", "<workbook/>")
    return ql.read_runs(folder / "runs.xlsx")


def _report(folder: Path) -> object:
    fit = ql.fit("chinchilla", ql.datasets.load_quokka_isoflops())
    return ql.report(fit, folder / "report.html")


def _fetch(folder: Path) -> object:
    return ql.datasets.fetch_epoch_chinchilla()


def _tensorboard(folder: Path) -> object:
    (folder / "events.out.tfevents.0.host").write_bytes(b"")
    return ql.import_runs(folder)


def _wandb_offline(folder: Path) -> object:
    run = folder / "wandb" / "offline-run-20260101_000000-abc"
    run.mkdir(parents=True)
    (run / "run-abc.wandb").write_bytes(b"")
    return ql.import_runs(folder)


def _wandb(folder: Path) -> object:
    return ql.import_runs("wandb:someone/something")


def _mlflow(folder: Path) -> object:
    run = folder / "mlruns" / "0" / "abc"
    run.mkdir(parents=True)
    (run.parent / "meta.yaml").write_text("experiment_id: '0'\n", encoding="utf-8")
    (run / "meta.yaml").write_text("run_id: abc\n", encoding="utf-8")
    return ql.import_runs(folder / "mlruns")


WITHOUT = {
    "pyarrow": ("parquet", _file("runs.parquet", b"PAR1 PAR1")),
    "openpyxl": ("excel", _workbook),
    "zstandard": ("zst", _file("runs.csv.zst", ZST)),
    "pooch": ("fetch", _fetch),
    "jinja2": ("report", _report),
    "tensorboard": ("tensorboard", _tensorboard),
    "wandb": ("wandb", _wandb),
    "wandb.proto": ("wandb", _wandb_offline),
    "mlflow": ("mlflow", _mlflow),
}


def hide(module: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """As if a library were not installed."""
    for name in [m for m in sys.modules if m == module or m.startswith(f"{module}.")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, module, None)
    for inside in ("tracking", "backend", "proto"):
        monkeypatch.setitem(sys.modules, f"{module}.{inside}", None)


@pytest.mark.parametrize("module", WITHOUT)
def test_the_sentence_names_the_extra(module: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    extra, work = WITHOUT[module]
    hide(module, monkeypatch)
    with pytest.raises(ql.MissingDependencyError) as raised:
        work(tmp_path)
    assert f'pip install "quokka-laws[{extra}]"' in str(raised.value)


def test_every_extra_that_is_named_exists() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    assert {extra for extra, _ in WITHOUT.values()} <= set(extras)
    sources = [*ROOT.glob("src/**/*.py"), *ROOT.glob("reference_trainer/*.py")]
    named = {n for p in sources for n in re.findall(r"quokka-laws\[(\w+)\]", p.read_text(encoding="utf-8"))}
    assert named
    assert named <= set(extras)


def test_the_library_starts_without_any_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in WITHOUT:
        hide(module, monkeypatch)
    fit = ql.fit("chinchilla", ql.datasets.load_quokka_isoflops(), bootstrap=5)
    assert fit.status.name == "CONVERGED"
