"""Logs as training programs print them: each in its own format, broken off, restarted, coloured, by several processes."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
from printed import BATCH, FORMATS, Run, text

import quokka_laws as ql
from quokka_laws import import_runs
from quokka_laws.importers.detect import detect
from quokka_laws.importers.printed import holds, why_not

RUN = Run()
FACTS = "run_id,N\nlog,124475904\n"
# What each log says by itself: of which split its loss is, in which unit, how far its digits go, and whether it tells N and D.
SAID = {
    "nanogpt": ("validation", 1.0, 1e-4, True),
    "modded": ("validation", 1.0, 1e-4, False),
    "nanochat": ("validation", 4.0, 1e-5, True),  # bits per byte, kept as they are
    "llmc": ("validation", 1.0, 1e-6, True),
    "llmc_main": ("validation", 1.0, 1e-4, False),
    "build": ("validation", 1.0, 1e-4, False),
    "olmo": ("validation", 1.0, 1e-3, False),
    "olmo_core": ("training", 1.0, 1e-3, False),
    "composer": ("validation", 1.0, 1e-4, False),
    "huggingface": ("validation", 1.0, 1e-9, False),
    "huggingface_bars": ("training", 1.0, 1e-4, False),
    "litgpt": ("validation", 1.0, 1e-4, False),
    "fairseq": ("validation", 1.0, 1e-3, False),  # bits, turned into nats
    "fairseq_simple": ("validation", 1.0, 1e-3, False),
    "keras": ("validation", 1.0, 1e-4, False),
    "maxtext": ("validation", 1.0, 1e-3, False),
    "nanotron": ("training", 1.0, 1e-2, False),
    "lightning": ("validation", 1.0, 1e-3, False),
    "mlx": ("validation", 1.0, 1e-3, False),
    "torchtune": ("training", 1.0, 1e-9, False),
    "word_language_model": ("validation", 1.0, 1e-2, False),
    "home_made": ("validation", 1.0, 1e-4, False),
}


def read(folder: Path, content: str | bytes, name: str = "log.log", **options: object) -> pd.DataFrame:
    """A log as a table of runs, with what logs do not say."""
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    facts = folder / "facts.csv"
    facts.write_text(FACTS)
    return import_runs(path, **{"facts": facts, "tokens_per_step": BATCH, **options})  # type: ignore[arg-type]


def lines(first: int = 0, last: int = 1000, offset: float = 0.0) -> Iterator[str]:
    for step in range(first, last + 1, 100):
        yield f"step {step}: train loss {RUN.train(step):.4f}, val loss {RUN.val(step) + offset:.4f}"


@pytest.mark.parametrize("program", list(FORMATS))
def test_every_program_is_read_as_it_prints(tmp_path: Path, program: str) -> None:
    split, scale, digits, whole = SAID[program]
    (tmp_path / "log.log").write_text(text(FORMATS[program](RUN)))
    assert detect(tmp_path / "log.log") == "log"
    columns = {"loss": "eval/c4_en-validation/CrossEntropyLoss"} if program == "olmo" else {}
    if whole:
        runs = import_runs(tmp_path / "log.log")
    else:
        with pytest.raises(ql.RunsError, match="nothing says how many"):
            import_runs(tmp_path / "log.log", columns=columns)
        runs = read(tmp_path, text(FORMATS[program](RUN)), columns=columns)
    (run,) = runs.to_dict("records")
    wanted = RUN.val(1000) if split == "validation" else RUN.train(1000)
    assert run["loss"] * scale == pytest.approx(wanted, abs=2 * scale * digits)
    assert run.get("loss_split", "training") == split  # what no name says is a training loss here
    assert run["D"] == pytest.approx(1000 * BATCH, rel=0.01 if program == "nanotron" else 1e-9)
    assert run["N"] == pytest.approx(RUN.N, rel=1e-4)
    assert run["status"] == "ok"


def test_a_folder_of_logs_is_a_run_each(tmp_path: Path) -> None:
    for size in ("70M", "160M"):
        (tmp_path / size).mkdir()
        (tmp_path / size / "train.out").write_text(text(lines()))
    (tmp_path / "notes.txt").write_text("remember: step 5 had a loss of 3.0\n")
    runs = import_runs(tmp_path, name="{N}", tokens_per_step=BATCH)
    assert runs.set_index("run_id")["N"].to_dict() == {"70M/train": 70e6, "160M/train": 160e6}


def test_tables_of_a_folder_come_first_and_logs_are_named(tmp_path: Path) -> None:
    (tmp_path / "metrics.csv").write_text("step,val_loss,n_params,tokens\n100,4,1e7,1e6\n200,3.5,1e7,2e6\n")
    (tmp_path / "stdout.log").write_text(text(lines()))
    runs = import_runs(tmp_path)
    assert runs["loss"].tolist() == [3.5]
    assert [note["code"] for note in runs.attrs["notes"]] == ["not_imported"]


def test_a_restart_replaces_what_it_repeats(tmp_path: Path) -> None:
    broken = text(lines(last=600)) + 'Traceback (most recent call last):\n  File "train.py"\nRuntimeError: NCCL\n'
    (run,) = read(tmp_path, broken + text(lines(first=500, offset=0.01))).to_dict("records")
    assert (run["status"], run["D"]) == ("ok", 1000 * BATCH)
    assert "resumed" in run["remark"]


def test_what_broke_off_is_no_finished_run(tmp_path: Path) -> None:
    end = "torch.cuda.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB\n"
    (run,) = read(tmp_path, text(lines(last=600)) + end).to_dict("records")
    assert run["status"] == "stopped"
    assert "OutOfMemoryError" in run["reason"]
    planned = "".join(f"step {s}/1000 | loss: {RUN.val(s):.4f}\n" for s in range(0, 601, 100))
    assert read(tmp_path, planned).loc[0, "reason"] == "stopped at step 600 of 1000"


@pytest.mark.parametrize(
    ("cut", "reached"),
    [(0, 1000), (-1, 1000), (-3, 900), (-28, 900)],
    ids=["whole", "no newline", "in a number", "in a name"],
)
def test_a_line_that_was_being_written(tmp_path: Path, cut: int, reached: int) -> None:
    whole = text(lines())
    (run,) = read(tmp_path, whole[: cut or None]).to_dict("records")
    assert run["loss"] == pytest.approx(RUN.val(reached), abs=1e-4)
    assert run["D"] == reached * BATCH


def test_two_models_and_two_seeds_in_one_file(tmp_path: Path) -> None:
    (tmp_path / "log.log").write_text(
        "".join(
            f"number of parameters: {size}M\n" + text(lines(offset=0.1 * i)) for i, size in enumerate((30.25, 124.5))
        )
    )
    runs = import_runs(tmp_path / "log.log", tokens_per_step=BATCH)
    assert runs["N"].tolist() == [30.25e6, 124.5e6]
    assert runs["loss"].tolist() == pytest.approx([RUN.val(1000), RUN.val(1000) + 0.1], abs=1e-4)
    seeds = read(tmp_path, text(lines()) + text(lines(offset=0.01)), columns={})
    assert seeds["run_id"].tolist() == ["log", "log#2"]


def test_several_processes_are_one_run(tmp_path: Path) -> None:
    marked = "".join(f"[rank{r}]: step {s} loss {RUN.val(s) + 0.1 * r:.4f}\n" for s in RUN.steps for r in range(4))
    runs = read(tmp_path, marked)
    assert len(runs) == 1
    assert runs.loc[0, "loss"] == pytest.approx(RUN.val(1000), abs=1e-4)
    assert runs.attrs["notes"][0]["code"] == "one_process"
    bare = "".join(f"step {s} loss {RUN.val(s) + 0.1 * r:.4f}\n" for s in RUN.steps for r in range(4))
    assert len(read(tmp_path, bare)) == 1


def test_colours_redrawn_bars_and_other_encodings(tmp_path: Path) -> None:
    bars = "".join(
        f"\r\x1b[32mtraining: {s // 10:3d}%|##   | {s}/1000 [00:10<00:20, 9.9it/s, loss={RUN.val(s):.3f}]\x1b[0m"
        for s in range(0, 1001, 10)
    )
    for content, name in (
        (bars.encode(), "log.log"),
        (text(lines()).encode("utf-16"), "log.txt"),
        (gzip.compress(text(lines()).encode()), "log.log.gz"),
    ):
        (run,) = read(tmp_path, content, name).to_dict("records")
        assert run["loss"] == pytest.approx(RUN.val(1000), abs=1e-3)
        assert run["D"] == 1000 * BATCH


def test_tokens_that_are_logged_need_no_step(tmp_path: Path) -> None:
    logged = "".join(f"tokens: {s * 1_000_000} | loss: {RUN.val(s):.4f}\n" for s in RUN.steps[1:])
    assert read(tmp_path, logged, tokens_per_step=None).loc[0, "D"] == 1e9


def test_steps_that_start_again_with_every_epoch(tmp_path: Path) -> None:
    said = "".join(
        f"Epoch [{e}/3], Step [{s}/1000], Loss: {RUN.val(s):.4f}\n" for e in (1, 2, 3) for s in RUN.steps[1:]
    )
    assert read(tmp_path, said).loc[0, "D"] == 3000 * BATCH
    unsaid = said.replace("/1000]", "]")
    with pytest.raises(ql.RunsError, match="starts again with every epoch") as refused:
        read(tmp_path, unsaid)
    assert "(epoch - 1) * 1000 + step" in str(refused.value)


def test_json_lines_of_a_log_are_a_table(tmp_path: Path) -> None:
    rows = "".join(f'{{"step": {s}, "loss": {RUN.val(s):.4f}, "n_params": 10000000, "note": "a"}}\n' for s in RUN.steps)
    (tmp_path / "a.log").write_text(rows)
    runs = import_runs(tmp_path / "a.log", tokens_per_step=BATCH)
    assert runs[["run_id", "N", "note"]].iloc[0].tolist() == ["a", 1e7, "a"]


def test_the_best_loss_so_far_is_no_loss(tmp_path: Path) -> None:
    best = "".join(f"step {s} | val loss {RUN.val(s) + 1:.4f} | best val loss {RUN.val(s):.4f}\n" for s in RUN.steps)
    assert read(tmp_path, best).loc[0, "loss"] == pytest.approx(RUN.val(1000) + 1, abs=1e-4)


def test_what_is_no_log_is_refused_with_what_was_looked_for(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    path.write_text("".join(f"loss: {RUN.val(s):.4f}\n" for s in RUN.steps))
    assert not holds(path)
    with pytest.raises(ql.RunsError, match=r"11 of its lines name a loss and 0 a step.*write it so, or as a table"):
        detect(path)
    path.write_text("nothing of the kind\n")
    assert not why_not(path)
    with pytest.raises(ql.RunsError, match="not a kind of log that is recognised; wanted"):
        detect(path)


def test_parameters_said_in_two_ways_are_asked_for(tmp_path: Path) -> None:
    (tmp_path / "log.log").write_text("number of parameters: 1300.00M\nnumber of parameters: 30.25M\n" + text(lines()))
    with pytest.raises(ql.RunsError, match="how many parameters"):
        import_runs(tmp_path / "log.log", tokens_per_step=BATCH)
