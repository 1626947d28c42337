"""What the doors of the command line do with mistakes: the user's in a sentence, our own with exit 70."""

import gc
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

import quokka_laws as ql
from quokka_laws.cli.app import main

FIT = str(Path(__file__).parents[1] / "results" / "version1" / "chinchilla.json")


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(a) for a in arguments])


def runs(folder: Path) -> Path:
    rows = [f"{n:g},{d:g},{1.8 + 480 / n**0.35 + 2100 / d**0.37}\n" for n in (1e7, 1e8, 1e9) for d in (1e9, 1e10, 1e11)]
    (folder / "runs.csv").write_text("N,D,loss\n" + "".join(rows))
    return folder / "runs.csv"


def test_our_own_fault_says_so_and_keeps_the_details(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any, **__: Any) -> None:
        raise KeyError("what we forgot")

    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr("quokka_laws.cli.runs.load_runs", broken)
    done = run("check", runs(tmp_path))
    assert done.exit_code == 70
    assert "a fault of quokka-laws, not of yours (KeyError: 'what we forgot')" in done.stderr
    assert "Traceback" not in done.stderr
    (kept,) = tmp_path.glob("quokka-laws-*.txt")
    assert "Traceback" in kept.read_text()
    assert str(kept) in done.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["predict", FIT, "-N", "7B", "-D", "1e20"], 2, "expected 1 to 1e+19"),
        (["predict", FIT, "-N", "0", "-D", "1e12"], 2, "expected 1 to 1e+18"),
        (["allocate", FIT, "-C", "1e400"], 2, "too large for a number"),
        (["allocate", FIT, "-C", "nan"], 2, "is not a number such as"),
        (["allocate", FIT, "-C", "1e22", "--level", "nan"], 2, "not between 0 and 1"),
        (["ladder", "--total", "1e20", "--slices", "100000"], 2, "2<=x<=100"),
        (["allocate", "none.json", "-C", "1e22"], 1, "none.json"),
        (["allocate", FIT, "-C", "22"], 1, "a loss that no model has (C = 22"),
        (["allocate", FIT, "--gpu-hours", "1000"], 2, "`quokka-laws plan` has it"),
        (["allocate", FIT, "-C", "512 H100 for 2 weeks"], 2, "--gpus 64xH100 --days 14"),
        (["plan", FIT, "-C", "$20k"], 2, "--dollars"),
        (["overtrain", "-C", "1e22", "--factor", "2"], 2, "give a FIT"),
        (["reach", "2.1"], 2, "give a FIT"),
        (["reach", FIT], 2, "give a LOSS"),
        (["fit", FIT], 1, "a fit that was saved, no table of runs"),
        (["predict", "hoffmann", "-N", "7B", "-D", "1T"], 2, "did you mean chinchilla-2022"),
    ],
)
def test_numbers_that_cannot_be_meant(arguments: list[str], code: int, said: str) -> None:
    done = run(*arguments)
    assert (done.exit_code, said in done.stderr) == (code, True), done.stderr


def test_options_add_up_or_are_refused(tmp_path: Path) -> None:
    table = runs(tmp_path)
    both = run(
        "fit",
        table,
        "--law",
        "chinchilla",
        "--bootstrap",
        "0",
        "--fix",
        "E=1.7",
        "--fix",
        "alpha=.3",
        "-o",
        tmp_path / "fit.json",
    )
    assert both.exit_code == 0, both.stderr
    fit = ql.read_fit(tmp_path / "fit.json")
    assert (fit.values["E"], fit.values["alpha"]) == (1.7, 0.3)
    for options, said in (
        (["--fix", "E=1.7", "--fix", "E=1.8"], "E is given twice"),
        (["--fix", "E=1.7,E=1.8"], "E is given more than once"),
        (["--keep", "N > 1", "--keep", "D > 1"], "--keep is given 2 times"),
        (["--fix", "E=-5"], "outside its bounds"),
        (["--tie", "beta=beta"], "cannot be tied to itself"),
        (["--tie", "alpha=beta,beta=alpha"], "is tied to itself through"),
        (["--tie", "E=while True: pass"], "the tie cannot be read"),
        (["--fix", "E=1.7", "--tie", "E=A"], "both say what E is"),
        (["--bootstrap", "1000000000"], "0<=x<=100000"),
        (["--delta", "nan"], "is not between"),
    ):
        refused = run("fit", table, "--law", "chinchilla", *options)
        assert refused.exit_code == 2, options
        assert said in refused.stderr, refused.stderr


def test_a_size_limit_that_an_option_raises(tmp_path: Path) -> None:
    table = runs(tmp_path)
    refused = run("--max-file-size", "100", "check", table)
    assert refused.exit_code == 1
    assert "quokka-laws --max-file-size 1000 …" in refused.stderr
    assert run("--max-file-size", "1000", "check", table).exit_code == 0


def test_damaged_fits_exit_with_1(tmp_path: Path) -> None:
    (tmp_path / "fit.json").write_text(Path(FIT).read_text().replace('"seed":0', '"seed":"x"'))
    done = run("predict", tmp_path / "fit.json", "-N", "7B", "-D", "1e12")
    assert done.exit_code == 1
    assert "seed: expected a whole number, not 'x'" in done.stderr


def test_a_command_rarely_searches_for_circular_garbage() -> None:
    usual = gc.get_threshold()
    try:
        run("laws")
        assert gc.get_threshold()[0] > 100 * 700
    finally:
        gc.set_threshold(*usual)
