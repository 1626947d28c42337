"""CSV, JSON lines and Parquet: one run per file or many in one, curves or points."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from logs import RUNS, TOKENS_PER_STEP, jsonl
from synthetic import TRUE_CHINCHILLA

import quokka_laws as ql
from quokka_laws.exceptions import RunsError
from quokka_laws.importers import import_runs


def recovered(runs: pd.DataFrame) -> None:
    assert ql.fit(ql.laws.Chinchilla(), ql.read_runs(runs)).values == pytest.approx(TRUE_CHINCHILLA, rel=1e-6)


def test_one_file_per_run(tmp_path: Path) -> None:
    jsonl(tmp_path / "logs")
    (tmp_path / "logs" / "config.json").write_text("{}")  # not a log
    runs = import_runs(tmp_path / "logs", columns={"loss": "val/ce"})
    assert sorted(runs["run_id"]) == sorted(f"{run.N / 1e6:g}M-{run.steps}" for run in RUNS)
    recovered(runs)
    files = sorted((tmp_path / "logs").glob("*.jsonl"))
    recovered(import_runs(files, columns={"loss": "val/ce"}))


@pytest.mark.parametrize("suffix", ["csv", "parquet", "jsonl"])
def test_many_runs_in_a_long_table(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"log.{suffix}"
    table = pd.concat(
        pd.DataFrame({"run": run.name, "step": run.step, "loss": run.loss, "n_params": run.N, "note": "é"})
        for run in RUNS
    )
    if suffix == "csv":
        table.to_csv(path, index=False, sep=";", decimal=",")
    elif suffix == "parquet":
        table.to_parquet(path)
    else:
        table.to_json(path, orient="records", lines=True)
    runs = import_runs(path, tokens_per_step=TOKENS_PER_STEP)
    assert set(runs["note"]) == {"é"}
    recovered(runs)


def test_names_of_files_and_folders(tmp_path: Path) -> None:
    for run in RUNS[:2]:
        folder = tmp_path / f"N{run.N:.0f}"
        folder.mkdir(exist_ok=True)
        pd.DataFrame({"iter": run.step, "val_loss": run.loss}).to_csv(folder / f"d{run.steps}.csv", index=False)
    runs = import_runs(tmp_path, name="N{N}/d{}", tokens_per_step=TOKENS_PER_STEP)
    assert runs["run_id"].tolist() == ["N30000000/d1000", "N30000000/d4000"]
    assert runs["D"].tolist() == [run.D for run in RUNS[:2]]
    for i, run in enumerate(RUNS[:2]):
        (tmp_path / "b" / f"run-{i}").mkdir(parents=True)
        pd.DataFrame({"iter": run.step, "val_loss": run.loss}).to_csv(tmp_path / "b" / f"run-{i}" / "metrics.csv")
    ids = import_runs(tmp_path / "b", tokens_per_step=1e6, name="run-{N}")["run_id"]
    assert ids.tolist() == ["run-0", "run-1"]


def test_points_pass_through(tmp_path: Path) -> None:
    path = tmp_path / "runs.jsonl"  # as the reference trainer writes it
    rows = [
        {"run_id": "a", "N": 1e8, "D": d, "loss": 3.0 - d / 1e11, "status": "ok", "phase": "cooled"} for d in (1e9, 2e9)
    ]
    path.write_text("\n".join(json.dumps(r) for r in [*rows, {"run_id": "b", "N": 1e8, "status": "diverged"}]))
    runs = import_runs(path)
    assert runs["D"].tolist()[:2] == [1e9, 2e9]
    assert runs["status"].tolist() == ["ok", "ok", "diverged"]
    assert runs.attrs["notes"][0]["code"] == "points"
    curves = import_runs(path, columns={"step": "D", "D": "D"})
    assert curves["run_id"].tolist() == ["a", "b"]


def test_points_without_a_status(tmp_path: Path) -> None:
    path = tmp_path / "runs.csv"
    table = pd.DataFrame({"params": ["1M", "2M"], "tokens": ["1B", "2B"], "val_loss": [3.1, 3.0]})
    table.to_csv(path, index=False)
    assert import_runs(path)["N"].tolist() == ["1M", "2M"]


def test_planned_tokens_that_are_the_same_in_every_row(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    pd.DataFrame({"step": np.arange(1, 101), "tokens": 5e9, "n_params": 1e8, "loss": 3.0}).to_csv(path, index=False)
    assert import_runs(path).loc[0, "D"] == 5e9
    short = import_runs(path, tokens_per_step=1e7).loc[0]
    assert (short["status"], short["reason"]) == ("stopped", "stopped after 1e+09 of 5e+09 tokens")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("step,loss\n", "no rows"),
        ("step,loss\n1,3.4\n2,oops\n", r"a\.csv: column loss, row 2: 'oops' is not a number"),
        ("step,speed\n1,3.4\n", "no loss that is recognised; it has step, speed."),
        ("when,loss\n1,3.4\n", "nothing says how many"),
        ("when,speed\n1,3.4\n", "no column of steps and none of the loss"),
        ("step,tokens,total_tokens,loss\n1,2,3,3.4\n", r"tokens, total_tokens could all be D; say which"),
    ],
)
def test_what_cannot_be_read_is_explained(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "a.csv"
    path.write_text(text)
    with pytest.raises(ql.RunsError, match=said):
        import_runs(path)


def test_facts_from_a_table(tmp_path: Path) -> None:
    path, facts = tmp_path / "log.csv", tmp_path / "facts.csv"
    pd.DataFrame({"run": ["a"] * 9, "step": range(9), "loss": 3.0}).to_csv(path, index=False)
    facts.write_text("run_id;N;D\na;1,3B;26B\n")
    assert import_runs(path, facts=facts).loc[0, ["N", "D"]].tolist() == [1.3e9, 2.6e10]
    for text, said in (
        ("size;N\na;1\n", "no column names the run"),
        ("run_id,N\na,1\na,2\n", "a occurs more than once"),
        ("run_id,N\na,big\n", "row 1: 'big' is not a number"),
    ):
        facts.write_text(text)
        with pytest.raises(ql.RunsError, match=said):
            import_runs(path, facts=facts)


def test_two_folders_with_runs_of_one_name(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        jsonl(tmp_path / folder, RUNS[:1])
    runs = import_runs([tmp_path / "a", tmp_path / "b"], columns={"loss": "val/ce"})
    assert runs["run_id"].tolist() == ["30M-1000", "30M-1000#2"]
    assert runs.attrs["notes"] == [{"code": "another", "name": "30M-1000", "became": "30M-1000#2"}]


def loss(N: float, D: np.ndarray | float) -> np.ndarray | float:
    return 1.7 + 400 / N**0.34 + 1200 / D**0.3


TOKENS = np.arange(1, 11) * 1e8


@pytest.mark.parametrize("axis", ["tokens_seen", "consumed_tokens", "throughput/total_tokens", "tokens"])
def test_curves_along_tokens_are_one_run_per_file(tmp_path: Path, axis: str) -> None:
    for N in (1e7, 4e7):
        pd.DataFrame({axis: TOKENS, "val_loss": loss(N, TOKENS)}).to_csv(tmp_path / f"n{N:.0f}.csv", index=False)
    runs = import_runs(tmp_path, name="n{N}")
    assert runs[["N", "D"]].to_numpy().tolist() == [[1e7, 1e9], [4e7, 1e9]]
    assert "step" not in runs
    with pytest.raises(ql.RunsError, match="nothing says how many parameters"):
        import_runs(tmp_path)


def test_rows_told_apart_by_epochs_or_time_are_refused_or_converted(tmp_path: Path) -> None:
    path = tmp_path / "10M.csv"
    table = pd.DataFrame({"epoch": range(10), "val_loss": np.linspace(5, 4, 10)})
    table.to_csv(path, index=False)
    for option in ({}, {"tokens_per_step": 1000}):
        with pytest.raises(ql.RunsError, match=r"told apart by epochs \('epoch'\), neither steps nor tokens"):
            import_runs(path, name="{N}", **option)
    table.assign(unique_tokens="100M").to_csv(path, index=False)
    assert import_runs(path, name="{N}")["D"].tolist() == [1e9]
    pd.DataFrame({"wall_time": np.arange(1, 11) * 2.5, "loss": 4.0}).to_csv(path, index=False)
    with pytest.raises(ql.RunsError, match=r"told apart by time \('wall_time'\)"):
        import_runs(path, name="{N}", tokens_per_step=1000)


def test_samples_become_tokens_where_the_length_of_a_sequence_is_known(tmp_path: Path) -> None:
    samples = np.arange(1, 50) * 1000
    table = pd.DataFrame({"consumed_samples": samples, "lm_loss": 4.0, "seq_length": 2048})
    table.to_csv(tmp_path / "10M.csv", index=False)
    made = import_runs(tmp_path / "10M.csv", name="{N}").iloc[0]
    assert made["D"] == 49000 * 2048


@pytest.mark.parametrize("shape", ["object", "list", "named", "many", "series"])
def test_logs_inside_objects(tmp_path: Path, shape: str) -> None:
    steps = list(range(100, 1100, 100))
    history = [{"step": s, "val_loss": float(loss(1e7, s * 1e5))} for s in steps]
    run = {"config": {"n_params": 1e7}, "history": history}
    text = {
        "object": json.dumps(run, indent=4),
        "list": json.dumps([{"name": "a", **run}, {"name": "b", **run}]),
        "named": json.dumps({"a": run, "b": run}),
        "many": json.dumps({"runs": [{"id": "a", **run}, {"id": "b", **run}], "tokenizer": "gpt2"}),
        "series": json.dumps({"n_params": 1e7, "steps": steps, "losses": [h["val_loss"] for h in history]}),
    }
    path = tmp_path / "exp.json"
    path.write_text(text[shape])
    runs = import_runs(path, tokens_per_step=1e5)
    assert runs["run_id"].tolist() == (["exp"] if shape in ("object", "series") else ["a", "b"])
    assert runs["N"].tolist() == [1e7] * len(runs)
    assert runs["loss"].tolist() == pytest.approx([loss(1e7, 1e8)] * len(runs))


def test_lightning_and_a_folder_for_each_version(tmp_path: Path) -> None:
    for N in (1e7, 3e7):
        folder = tmp_path / f"{N:.0f}" / "version_0"
        folder.mkdir(parents=True)
        steps = np.arange(49, 1000, 50)
        train = pd.DataFrame({"epoch": steps // 500, "step": steps, "train_loss": 4.0})
        val = pd.DataFrame({"epoch": [0, 1], "step": [499, 999], "val_loss": [4.2, 4.1]})
        pd.concat([train, val]).sort_values("step", kind="stable").to_csv(folder / "metrics.csv", index=False)
        (folder / "hparams.yaml").write_text("lr: 0.001\n")
    runs = import_runs(tmp_path, name="{N}/{}", tokens_per_step=1e5)
    assert runs[["run_id", "N", "loss", "status"]].to_numpy().tolist() == [
        ["10000000/version_0", 1e7, 4.1, "ok"],
        ["30000000/version_0", 3e7, 4.1, "ok"],
    ]


def test_one_object_per_run_and_a_pattern_of_file_names(tmp_path: Path) -> None:
    for N, D in ((1e7, 2e8), (4e7, 2e8)):
        text = json.dumps({"val_loss": float(loss(N, D)), "config": {"lr": 1e-3}}, indent=4)
        (tmp_path / f"{N / 1e6:.0f}M_{D / 1e6:.0f}M.json").write_text(text)
    runs = import_runs(tmp_path, name="{N}_{D}")
    assert runs[["run_id", "N", "D"]].to_numpy().tolist() == [["10M_200M", 1e7, 2e8], ["40M_200M", 4e7, 2e8]]
    assert ql.read_runs(runs)["loss"].tolist() == pytest.approx([loss(1e7, 2e8), loss(4e7, 2e8)])


def test_several_evaluation_sets_are_not_mixed(tmp_path: Path) -> None:
    table = pd.DataFrame({"step": [1, 2, 3], "eval_c4_loss": 4.0, "eval_wiki_loss": 4.5, "n_params": 1e7})
    table.to_csv(tmp_path / "a.csv", index=False)
    with pytest.raises(ql.RunsError, match=r"several losses \(eval_c4_loss, eval_wiki_loss\)"):
        import_runs(tmp_path, tokens_per_step=1e6)
    made = import_runs(tmp_path, tokens_per_step=1e6, columns={"loss": "eval_wiki_loss"})
    assert made["loss"].tolist() == [4.5]


def test_units_in_names_and_steps_in_thousands(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    rows = [
        {"run": f"r{n}", "params_m": n, "tokens_b": step / 10, "loss": 4 - step / 100}
        for n in (20, 80)
        for step in range(1, 9)
    ]
    pd.DataFrame(rows).to_csv(path, index=False)
    runs = import_runs(path)
    assert runs["N"].tolist() == [2e7, 8e7]
    assert runs["D"].tolist() == [8e8, 8e8]
    thousands = pd.DataFrame(rows).rename(columns={"tokens_b": "ksteps"})
    thousands.to_csv(path, index=False)
    with pytest.raises(RunsError, match="fractions"):
        import_runs(path, columns={"step": "ksteps"}, tokens_per_step=1e6)
    assert import_runs(path, columns={"step": "ksteps:K"}, tokens_per_step=1e6)["D"].tolist() == [8e8, 8e8]


def test_the_tokens_of_a_step_that_a_log_states(tmp_path: Path) -> None:
    lines = [{"event": "config", "n_params": 5e7, "tokens_per_batch": 1000}]
    lines += [{"event": "val", "step": step, "val_loss": 4 - step / 100} for step in range(1, 9)]
    (tmp_path / "run.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    runs = import_runs(tmp_path / "run.jsonl")
    assert runs["D"].tolist() == [8000.0]
    assert runs["N"].tolist() == [5e7]


STEPS = np.arange(1, 21) * 100


@pytest.mark.parametrize(
    "column", ["step,'{:,}'", "iter (k),{k:g}", "optimizer_step,{}", "num_updates,{}", "Iteration,{:.1f}"]
)
def test_steps_however_they_are_written(tmp_path: Path, column: str) -> None:
    name, cell = column.split(",", 1)
    rows = [f"{cell.replace(chr(39), chr(34)).format(s, k=s / 1000)},{5 - s / 1000:.4f}" for s in STEPS]
    (tmp_path / "20M.csv").write_text(f"{name},val_loss\n" + "\n".join(rows) + "\n")
    runs = import_runs(tmp_path / "20M.csv", name="{N}", tokens_per_step=1000)
    assert runs[["N", "D", "loss"]].to_numpy().tolist() == [[2e7, 2e6, 3.0]]


def test_steps_that_are_no_numbers_are_refused(tmp_path: Path) -> None:
    (tmp_path / "20M.csv").write_text("step,val_loss\n" + "".join(f"{s}/2000,{5 - s / 1000:.4f}\n" for s in STEPS))
    with pytest.raises(RunsError, match="'100/2000' is not a number"):
        import_runs(tmp_path / "20M.csv", name="{N}", tokens_per_step=1000)


def test_flops_along_a_run_are_tokens_where_the_size_is_known(tmp_path: Path) -> None:
    table = pd.DataFrame({"flops": 6 * 2e7 * STEPS * 1e5, "val_loss": 5 - STEPS / 1000, "params": 2e7})
    table.to_csv(tmp_path / "a.csv", index=False)
    runs = import_runs(tmp_path / "a.csv")
    assert runs[["N", "D", "loss"]].to_numpy().tolist() == [[2e7, pytest.approx(2e8), 3.0]]


@pytest.mark.parametrize("column", ["date", "batch"])
def test_rows_that_only_the_name_of_the_file_gives_a_size_are_no_points(tmp_path: Path, column: str) -> None:
    cells = [f"2026-01-{k:02d}" for k in range(1, 21)] if column == "date" else list(range(1, 21))
    pd.DataFrame({column: cells, "val_loss": 5 - STEPS / 1000}).to_csv(tmp_path / "20M.csv", index=False)
    with pytest.raises(RunsError, match="nothing says how many parameters and tokens each row has"):
        import_runs(tmp_path / "20M.csv", name="{N}", tokens_per_step=1000)


def test_the_table_of_a_model_card(tmp_path: Path) -> None:
    rows = [
        f"| {'No log' if k == 1 else 4 - k / 10} | {k / 4} | {k * 500} | {4.2 - k / 10:.2f} |" for k in (1, 2, 3, 4)
    ]
    head = "| Training Loss | Epoch | Step | Validation Loss |\n|:---:|:---:|:---:|:---:|\n"
    card = tmp_path / "model-20M.md"
    card.write_text("---\nlicense: mit\n---\n# A model\n\n" + head + "\n".join(rows) + "\n\n### Framework\n")
    runs = import_runs(card, name="model-{N}", tokens_per_step=1000)
    assert runs[["N", "D", "loss"]].to_numpy().tolist() == [[2e7, 2e6, 3.8]]
    with pytest.raises(RunsError, match="nothing to read"):
        import_runs(tmp_path)  # pages are not looked for


def test_runs_of_one_file_that_only_their_model_or_their_restart_tells_apart(tmp_path: Path) -> None:
    log = pd.DataFrame({"step": STEPS, "val_loss": 5 - STEPS / 1000})
    models = [log.assign(model=model, lr=lr) for model in ("gpt-20M", "gpt-60M") for lr in (1e-3, 3e-3)]
    pd.concat(models).to_csv(tmp_path / "all.csv", index=False)
    runs = import_runs(tmp_path / "all.csv", name="gpt-{N}", tokens_per_step=1000)
    assert runs["N"].tolist() == [2e7, 2e7, 6e7, 6e7]
    assert runs["run_id"].is_unique
    pd.concat([log, log]).to_csv(tmp_path / "gpt-20M.csv", index=False)  # two seeds, one after the other
    runs = import_runs(tmp_path / "gpt-20M.csv", name="gpt-{N}", tokens_per_step=1000)
    assert runs[["run_id", "N"]].to_numpy().tolist() == [["gpt-20M", 2e7], ["gpt-20M#2", 2e7]]


def test_a_series_that_counts_epochs_as_its_steps(tmp_path: Path) -> None:
    table = pd.DataFrame({"step": range(20), "epoch_loss": 5 - np.arange(20) / 10})
    table.to_csv(tmp_path / "20M.csv", index=False)
    with pytest.raises(RunsError, match=r"told apart by epochs \('epoch_loss'\)"):
        import_runs(tmp_path / "20M.csv", name="{N}", tokens_per_step=1000)
    table.assign(unique_tokens=3e6).to_csv(tmp_path / "20M.csv", index=False)
    assert import_runs(tmp_path / "20M.csv", name="{N}")["D"].tolist() == [6e7]


def test_steps_of_an_epoch_are_no_runs_of_their_own(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    rows = [(e, s, 5 - e - s / 1000) for e in (1, 2, 3) for s in (0, 100, 200)]
    path.write_text("epoch,step,loss,n_params\n" + "".join(f"{e},{s},{v},1e7\n" for e, s, v in rows))
    with pytest.raises(RunsError, match="step starts again with every epoch") as refused:
        import_runs(path, tokens_per_step=1000)
    assert "(epoch - 1) * 1000 + step" in str(refused.value)
    runs = import_runs(path, tokens_per_step=1000, columns={"step": "(epoch - 1) * 300 + step"})
    assert runs[["D", "loss"]].to_numpy().tolist() == [[800_000, 1.8]]
    path.write_text(
        "epoch,step,loss,n_params\n" + "".join(f"{e},{s},{5 - e - s / 10},1e7\n" for e in (0, 1) for s in range(5))
    )
    assert import_runs(path, tokens_per_step=1000)["D"].tolist() == [9000]
    path.write_text(
        "epoch,step,loss,n_params,tokens\n"
        + "".join(f"{e},{s},{v},1e7,{i * 1000}\n" for i, (e, s, v) in enumerate(rows, 1))
    )
    assert import_runs(path)["D"].tolist() == [9000]
