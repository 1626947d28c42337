"""Cases of the fuzzer: a command line with a table, a fit or an option that somebody spoiled.

A case is made from one seed, so that a failure is repeated with ``python -m fuzz.cases SEED`` from the folder ``tests``.
"""

from __future__ import annotations

import contextlib
import copy
import json
import random
import signal
import sys
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from click.testing import CliRunner

from quokka_laws.cli.app import main

STORED = Path(__file__).parents[1] / "results" / "version1"
SLOWEST = 10.0  # seconds of processor time
NASTY = [
    *("", " ", "nan", "inf", "-inf", "1e400", "-1", "0", "1e-300", "1e300", "NaN", "None", "n/a", "?", "-", "true", "7B", "7 B"),
    *("1,5", "1.5.2", "0x10", "1e", "e5", "١٢٣", "½", "²", "1_000", "1__0", "9" * 400, "x" * 5000, "\x00", "\ufeff", "\u2028"),
    *("=1+1", "@SUM(A1)", "'", '"', '"a', "`", "{}", "[1]", "{{7*7}}", "%s%n", "$HOME", "../../etc/passwd", "/dev/zero", "-", "--"),
    *("<img src=x onerror=alert(1)>", "<!--<script>", "$\\frac{", "\\", "#", ";", "|", "\t", "\n", "\r", "日本", "\ud83d\ude00", "a" * 300),
]  # fmt: skip
CONDITIONS = [
    *("D / N < 4", "N > 1e9", "loss > 2 and N < 1e12", "1e7 < N <= 1e9", "N == N", "run_id == 'r1'", "run_id in ['r1', 'r2']"),
    *("@pd.io.common.os.system('touch x') == 0", "N.to_pickle('x') == 1", "__import__('os').system('touch x')", "N", "N >", "1", ""),
    *("while True: pass", "fromfile('/etc/hostname')", "(" * 300, "N < " * 200 + "1", "`no such` > 1", "N ** 999999999 > 0", "9**9**9**9 > N"),
    *("lambda: 0", "[x for x in N]", "not not not N > 1", "N > 'x'", "run_id > 3", "duplicates", "N @ D", "N; D", "N := 3", "log(-N) > 0"),
]  # fmt: skip
NUMBERS = [
    "1e22",
    "7B",
    "1e18,1e20",
    "0",
    "-1",
    "nan",
    "inf",
    "1e400",
    "1e-5",
    "1e31",
    "x",
    "",
    "1,5",
    "9" * 400,
    "100 PF-days",
    "1e20 tokens",
]
TIES = [
    "beta=alpha",
    "beta=2*alpha",
    "alpha=beta",
    "beta=beta",
    "E=while True: pass",
    "A=open('x')",
    "A=9**9**9*B",
    "beta=gamma",
    "=",
    "E",
    "A=B^2",
]
FIXES = [
    "E=1.7",
    "E=-5",
    "E=nan",
    "E=1e400",
    "gamma=1",
    "alpha=.3",
    "E",
    "=",
    "alpha=1000",
    "A=0",
    "E=1.7,E=1.8",
    "E=x",
]
COUNTS = ["3", "0", "-1", "1000000000", "x", "1.5", "nan", "9" * 30]


@dataclass(frozen=True)
class Case:
    """A command line, the files it reads, and what it can be compared with."""

    seed: int
    arguments: tuple[str, ...]
    files: dict[str, bytes]
    spoiled: str


def runs_table() -> list[dict[str, Any]]:
    """Nine runs that every law of N and D can be fitted to."""
    rng = np.random.default_rng(0)
    rows = []
    for n in np.geomspace(1e7, 1e9, 4):
        for d in np.geomspace(1e9, 4e10, 4):
            loss = (1.8 + 480 / n**0.35 + 2100 / d**0.37) * np.exp(rng.normal(0, 0.003))
            rows.append(
                {
                    "run_id": f"r{len(rows)}",
                    "N": float(f"{n:.4g}"),
                    "D": float(f"{d:.4g}"),
                    "loss": float(f"{loss:.5g}"),
                }
            )
    return rows


def log_table() -> list[dict[str, Any]]:
    """A log of three runs."""
    return [
        {"run_id": f"r{i}", "step": step, "tokens": step * 1e6, "n_params": 10 ** (7 + i), "loss": 3.0 + 5.0 / step**0.3 - 0.1 * i}
        for i in range(3)
        for step in (1, 10, 100, 1000)
    ]  # fmt: skip


# ---- spoiling ---------------------------------------------------------------------------------------------------


def as_csv(rows: list[dict[str, Any]], mark: str = ",") -> str:
    return "".join(mark.join(map(str, line)) + "\n" for line in (list(rows[0]), *(list(r.values()) for r in rows)))


def spoil_rows(rows: list[dict[str, Any]], rng: random.Random) -> list[dict[str, Any]]:
    rows = copy.deepcopy(rows)
    for _ in range(rng.choice([0, 0, 1, 1, 2])):
        row, name = rng.randrange(len(rows)), rng.choice(list(rows[0]))
        rows[row][name] = rng.choice([*NASTY, None, True, [], {}, 10**400, -1.5, rows[0][name]])
    if rng.random() < 0.15:
        rows = rows[: rng.randrange(len(rows))] or rows
    if rng.random() < 0.15:
        old, new = rng.choice(list(rows[0])), rng.choice([*NASTY, "N", "loss", "C", "status"])
        rows = [{(new if k == old else k): v for k, v in r.items()} for r in rows]
    return rows


def spoil_bytes(data: bytes, rng: random.Random) -> bytes:
    kind = rng.randrange(16)
    at = rng.randrange(len(data) + 1)
    if kind == 0:
        return data[:at]
    if kind == 1:
        return data[:at] + rng.choice(NASTY).encode("utf-8", "surrogatepass") + data[at:]
    if kind == 2:
        return data[:at] + bytes(rng.randrange(256) for _ in range(rng.randrange(1, 20))) + data[at:]
    if kind == 3:
        return data[:at] + data[at + rng.randrange(1, 30) :]
    if kind == 4:
        return data.decode("utf-8", "replace").encode(
            rng.choice(["utf-16", "utf-16-le", "latin-1", "utf-32"]), "replace"
        )
    if kind == 5:
        lines = data.split(b"\n")
        rng.shuffle(lines)
        return b"\n".join(lines)
    return data


def spoiled_table(rows: list[dict[str, Any]], rng: random.Random) -> tuple[str, bytes]:
    rows = spoil_rows(rows, rng)
    form = rng.choice(["csv", "csv", "csv", "tsv", "jsonl", "json", "json-columns", "json-object"])
    if form in ("csv", "tsv"):
        text = as_csv(rows, "," if form == "csv" else "\t")
        return f"runs.{form}", spoil_bytes(text.encode("utf-8", "replace"), rng)
    if form == "jsonl":
        text = "".join(json.dumps(r) + "\n" for r in rows)
    elif form == "json":
        text = json.dumps(rng.choice([rows, {"runs": rows}]), indent=rng.choice([None, 2]))
    elif form == "json-columns":
        text = json.dumps({k: [r.get(k) for r in rows] for k in rows[0]})
    else:
        text = json.dumps({str(i): r for i, r in enumerate(rows)})
    return f"runs.{'jsonl' if form == 'jsonl' else 'json'}", spoil_bytes(text.encode(), rng)


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield path
    for key, child in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield from places(child, (*path, key))


def spoiled_fit(rng: random.Random, stem: str) -> tuple[str, bytes]:
    data = json.loads((STORED / f"{stem}.json").read_text())
    for _ in range(rng.choice([0, 0, 1, 1, 2])):
        path = rng.choice([p for p in places(data) if p])
        parent = data
        for key in path[:-1]:
            parent = parent[key]
        if rng.random() < 0.2:
            del parent[path[-1]]
        else:
            values = [
                *NASTY,
                None,
                True,
                0,
                -1,
                1.5,
                10**400,
                [],
                {},
                "float:nan",
                "float:inf",
                "while True: pass",
                [[1]],
                {"name": "x"},
            ]
            parent[path[-1]] = rng.choice(values)
    text = json.dumps(data).encode()
    return "fit.json", spoil_bytes(text, rng) if rng.random() < 0.2 else text


# ---- command lines ----------------------------------------------------------------------------------------------


def options(rng: random.Random, pool: dict[str, list[str]], most: int = 3) -> list[str]:
    """Some options, some of them twice."""
    found: list[str] = []
    for name in rng.sample(list(pool), min(len(pool), rng.randrange(most + 1))):
        for _ in range(rng.choice([1, 1, 1, 1, 2])):
            found += [name, rng.choice(pool[name])]
    return found


READING = {
    "--keep": CONDITIONS,
    "--drop": CONDITIONS,
    "--columns": ["N=N", "N=D:M", "loss=x", "=", "N", "N=N,N=D", "Q=N", *NASTY[:12]],
    "--flops": ["6ND", "as given", "0ND", "-6ND", "nanND", "6", "", "1e400ND", *NASTY[:6]],
    "--state": ["loss_unit=bits/token", "loss_unit=x", "N_counts=active", "x=y", "corpus=<img>", "="],
}
FITTING = {"--bootstrap": COUNTS[:2] + COUNTS[2:], "--seed": COUNTS, "-C": NUMBERS, "--fix": FIXES, "--tie": TIES,
           "--delta": ["1e-3", "0", "-1", "nan", "inf", "1e400", "x"], "--objective": ["huber", "l1", "l2", "raw-l2", "x"],
           "--cluster": ["auto", "row", "run_id", "nope", ""], "--strata": ["run_id", "nope"], "--weights": ["loss", "nope"],
           "--law": ["chinchilla", "skaling", "power", "kaplan", "quokka-repeated", "x", ""]}  # fmt: skip
POINT = {
    "-N": NUMBERS,
    "-D": NUMBERS,
    "-U": NUMBERS,
    "--epochs": NUMBERS,
    "--level": ["0.9", "0", "1", "nan", "2", "x"],
}
FORMAT = {
    "--format": ["json", "csv", "text", "x"],
    "-o": ["out.json", "out.csv", "none/", "/dev/full", "/proc/x.json", "", "a\x00b"],
}


def _with_runs(rng: random.Random, command: str, pool: dict[str, list[str]], fixed: list[str]) -> Case:
    name, data = spoiled_table(runs_table(), rng)
    own = options(rng, {**pool, **FORMAT}) if rng.random() < 0.6 else rng.choice([[], ["--json"]])
    arguments = [command, name, *own]
    arguments += [word for i in range(0, len(fixed), 2) if fixed[i] not in arguments for word in fixed[i : i + 2]]
    return Case(0, tuple(arguments), {name: data}, "table")


def _with_fit(
    rng: random.Random, command: str, pool: dict[str, list[str]], fixed: list[str], stem: str = "", before: str = ""
) -> Case:
    name, data = spoiled_fit(rng, stem or rng.choice(["chinchilla", "chinchilla", "tied", "power", "repeated"]))
    own = options(rng, {**pool, **FORMAT}) if rng.random() < 0.5 else rng.choice([[], ["--json"]])
    arguments = [command, *before.split(), name, *own]
    arguments += [word for i in range(0, len(fixed), 2) if fixed[i] not in own for word in fixed[i : i + 2]]
    return Case(0, tuple(arguments), {name: data}, "fit")


def _imports(rng: random.Random) -> Case:
    name, data = spoiled_table(log_table(), rng)
    pool = {
        "--tokens-per-step": ["1e6", "n_params * 2", *CONDITIONS[7:20], *NASTY[:8]],
        "--name": ["r{N}", "{}_{N:M}", "{" * 9, "{N}" * 8, "", "[", "{N:Q}", "(a+)+$", *NASTY[:4]],
        "--final": ["last:1", "last:3", "smooth:3", "cooldown", "last:0", "last:" + "9" * 30, "x"],
        "--from": ["table", "wandb", "huggingface", "tensorboard", "mlflow", "x"],
        "--columns": READING["--columns"],
        "--facts": ["runs.csv", "none.csv", "/dev/zero", "."],
        "--format": ["jsonl", "csv", "text", "x"],
    }
    return Case(
        0, ("import", name, *options(rng, pool), *rng.choice([(), (), ("--checkpoints",)])), {name: data}, "log"
    )


def _states(rng: random.Random) -> Case:
    """A trainer's state, or a folder of logs."""
    history = [
        {
            "step": 100 * i,
            "epoch": 0.1 * i,
            "loss": 4.0 - 0.1 * i,
            "learning_rate": 1e-3,
            "num_input_tokens_seen": 10**6 * i,
        }
        for i in range(1, 9)
    ]
    state = {
        "global_step": 800,
        "max_steps": 800,
        "num_train_epochs": 1,
        "log_history": [*history, {"step": 800, "eval_loss": 3.1}],
    }
    for _ in range(rng.choice([0, 1, 2])):
        path = rng.choice([p for p in places(state) if p])
        parent: Any = state
        for key in path[:-1]:
            parent = parent[key]
        parent[path[-1]] = rng.choice([*NASTY, None, True, -1, 0, 10**400, [], {}, "float:nan"])
    data = spoil_bytes(json.dumps(state, indent=2).encode(), rng)
    name = rng.choice(["trainer_state.json", "run_N30M.json"])
    return Case(
        0,
        (
            "import",
            rng.choice([name, "."]),
            *options(
                rng,
                {
                    "--name": ["{}_N{N:M}", "{N}"],
                    "--columns": ["N=max_steps", "loss=eval_loss"],
                    "--final": ["last:2", "cooldown"],
                },
            ),
        ),
        {name: data},
        "log",
    )


def _recipes(rng: random.Random) -> Case:
    """Two recipes in one table."""
    rows = [
        {**row, "recipe": recipe, "loss": row["loss"] * times}
        for recipe, times in (("a", 1.0), ("b", 0.99))
        for row in runs_table()
    ]
    name, data = spoiled_table(rows, rng)
    pool = {"--by": ["recipe", "run_id", "nope", ""], "--baseline": ["a", "b", "x"], "-C": NUMBERS, "--pair": ["auto", "none", "N", "x"],
            "--law": ["auto", "C", "x"], "--fix": FIXES, **READING}  # fmt: skip
    return Case(0, ("speedup", name, *options(rng, pool), "--bootstrap", "100"), {name: data}, "table")


def _scores(rng: random.Random) -> Case:
    """A forecast that was written down, spoiled, and the run it is about."""
    forecast = json.loads(_forecast())
    for _ in range(rng.choice([0, 1, 1, 2])):
        path = rng.choice([p for p in places(forecast) if p])
        parent = forecast
        for key in path[:-1]:
            parent = parent[key]
        parent[path[-1]] = rng.choice([*NASTY, None, True, -1, 10**400, [], {}, "float:nan"])
    table, data = spoiled_table(runs_table(), rng)
    files = {"forecast.json": json.dumps(forecast).encode(), table: data}
    given = rng.choice([("--loss", rng.choice([*NUMBERS, "2.5"])), (table,), ()])
    return Case(0, ("score", "forecast.json", *given), files, "forecast")


@lru_cache(maxsize=1)
def _forecast() -> str:
    """A forecast as the command writes it."""
    arguments = ["forecast", str(STORED / "chinchilla.json"), "-N", "7e9", "-D", "1e12", "--json"]
    return CliRunner().invoke(main, arguments).stdout


def _configuration(rng: random.Random) -> Case:
    """A model's configuration, spoiled."""
    config = {"model_type": "llama", "hidden_size": 512, "num_hidden_layers": 8, "num_attention_heads": 8, "intermediate_size": 1376,
              "vocab_size": 32000, "num_key_value_heads": 4, "tie_word_embeddings": True}  # fmt: skip
    for _ in range(rng.choice([0, 1, 1, 2])):
        config[rng.choice(list(config))] = rng.choice([*NASTY, None, True, -1, 0, 1.5, 10**30, [], {}])
    if rng.random() < 0.2:
        del config[rng.choice(list(config))]
    own = options(rng, {"--context": COUNTS, "--format": FORMAT["--format"], "--layers": COUNTS, "--width": COUNTS})
    return Case(
        0,
        ("count", "config.json", *own),
        {"config.json": spoil_bytes(json.dumps(config).encode(), rng)},
        "configuration",
    )


BUDGETS = {"-C": NUMBERS, **{k: POINT[k] for k in ("-N", "-D", "-U", "--level")}}
MAKERS: list[tuple[int, Callable[[random.Random], Case]]] = [
    (8, lambda r: _with_runs(r, "check", READING, [])),
    (10, lambda r: _with_runs(r, "fit", {**READING, **FITTING}, ["--bootstrap", "3"])),
    (2, lambda r: _with_runs(r, "isoflops", {**READING, "-C": NUMBERS, "--degree": COUNTS}, ["--bootstrap", "3"])),
    (8, _imports),
    (4, _states),
    (8, lambda r: _with_fit(r, "predict", POINT, ["-N", "7B", "-D", "1e12"], "chinchilla")),
    (4, lambda r: _with_fit(r, "allocate", BUDGETS, ["-C", "1e22"])),
    (2, lambda r: _with_fit(r, "plan", {"-U": NUMBERS, "--gpus": ["64xH100", "x", "9" * 30 + "xH100"], "--days": NUMBERS}, ["-C", "1e22"], before="--law")),
    (1, lambda r: _with_fit(r, "plot", {"-C": NUMBERS, "--kind": ["contours", "x"]}, ["-o", "figure.png"])),
    (1, lambda r: _with_runs(r, "compare", {**READING, "--holdout": NUMBERS, "--law": FITTING["--law"]}, ["--bootstrap", "2", "--law", "power"])),
    (1, lambda r: _with_runs(r, "average", {**READING, "-N": NUMBERS, "-D": NUMBERS}, ["--law", "power"])),
    (1, lambda r: _with_fit(r, "sensitivity", {"-C": NUMBERS}, ["-C", "1e22"])),
    (3, lambda r: _with_fit(r, "design", {"--total": NUMBERS, "--budget": NUMBERS, "-N": NUMBERS, "-D": NUMBERS, "-C": NUMBERS}, ["--total", "1e21", "-C", "1e22"])),
    (1, lambda r: _with_fit(r, "report", {"-C": NUMBERS, "-U": NUMBERS}, ["-o", "report.md"])),
    (2, lambda r: _with_fit(r, "explore", {"--law": ["hoffmann-2022", "x"]}, ["-o", "explore.html"])),
    (2, lambda r: _with_fit(r, "epochs", POINT, ["-N", "1e8", "-U", "1e9"], "repeated")),
    (2, lambda r: _with_fit(r, "data-optimal", BUDGETS, ["-U", "1e9"], "repeated")),
    (2, lambda r: _with_fit(r, "reach", {"-N": NUMBERS}, [], before=r.choice(["2.5", "3", "1", "nan", "-1", "1e400"]) + " --law")),
    (1, lambda r: _with_fit(r, "checklist", {}, [])),
    (2, _recipes),
    (2, _scores),
    (2, _configuration),
    (2, lambda r: _with_fit(r, "forecast", {**POINT, "--at": ["sparsity=0.9", "N=1", "=", "x"], "--question": NASTY[:20]}, ["-N", "7e9", "-D", "1e12"], "chinchilla")),
    (2, lambda r: _with_fit(r, "best", {"--over": ["N,D", "N", "x", ""], "--given": ["N=1e9", "x=1", "="], "--bounds": ["N=1B:70B", "N=1:", "D=2:1"], "--choices": ["N=1e8:1e9", "N="], "--cost": ["6*N*D", "N+D", "N **", "9**9**9*N", "log(-N)"], "-C": NUMBERS}, ["--over", "N,D", "--cost", "6*N*D", "-C", "1e22"], "chinchilla")),
    (1, lambda r: _with_fit(r, "overtrain", {"-C": NUMBERS, "--factor": NUMBERS}, ["-C", "1e22", "--factor", "4"], before="--law")),
    (1, lambda r: _with_fit(r, "deadweight", BUDGETS, ["-N", "7e9", "-D", "1e12"], before="--law")),
    (1, lambda r: Case(0, ("architecture", *options(r, {"-N": NUMBERS, "-D": NUMBERS, "--vocabulary": COUNTS, "--aspect": NUMBERS, "--kv-heads": COUNTS, "--context": COUNTS, "--format": ["huggingface", "megatron", "nanogpt", "x"]}, 4)), {}, "options")),
    (1, lambda r: Case(0, ("ladder", *options(r, {"--total": NUMBERS, "--budget": NUMBERS, "--slices": COUNTS, "--sizes": COUNTS, "--span": NUMBERS, "--width": NUMBERS, "--law": ["besiroglu-2024", "x"]}, 6)), {}, "options")),
    (1, lambda r: Case(0, ("laws", *r.choice([(), ("besiroglu-2024",), ("x",), ("hoffmann",), ("--cite",)])), {}, "options")),
    (1, lambda r: Case(0, ("hyperparameters", *options(r, {"-N": NUMBERS, "-D": NUMBERS, "--loss": NUMBERS}, 3)), {}, "options")),
    (1, lambda r: Case(0, ("crossover", "quokka-2025", *options(r, {"-U": NUMBERS, "-C": NUMBERS, "--loss": NUMBERS}, 3)), {}, "options")),
]  # fmt: skip


def case_of(seed: int) -> Case:
    """The case of a seed."""
    rng = random.Random(seed)
    (maker,) = rng.choices([m for _, m in MAKERS], weights=[w for w, _ in MAKERS])
    made = maker(rng)
    return Case(seed, made.arguments, made.files, made.spoiled)


# ---- running ----------------------------------------------------------------------------------------------------


class _TooLongError(BaseException):
    """Not an Exception, so that nothing on the way takes it for an error of its own."""


@contextlib.contextmanager
def _limit(seconds: float) -> Iterator[None]:
    """Stop what takes longer, in processor time, which a busy machine does not lengthen."""

    def stop(*_: Any) -> None:
        raise _TooLongError

    before = signal.signal(signal.SIGVTALRM, stop)
    signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


EXITS: Counter[tuple[str, int]] = Counter()
"""How often each command ended with which exit code: a fuzzer whose cases are all refused proves little."""


def trouble(case: Case, folder: Path) -> str:
    """What is wrong about how a command answers a case; empty when it answers, or refuses, as it should."""
    for name, data in case.files.items():
        (folder / name).write_bytes(data)
    before = {p.name for p in folder.iterdir()}
    arguments = [a for a in case.arguments if "\x00" not in a]  # a shell cannot pass them
    with contextlib.chdir(folder), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            with _limit(SLOWEST):
                done = CliRunner().invoke(main, arguments)
        except _TooLongError:
            return f"took more than {SLOWEST:g} s"
    EXITS[case.arguments[0], done.exit_code] += 1
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        return "".join(traceback.format_exception(done.exception))
    if done.exit_code not in (0, 1, 2, 3):
        return f"exit {done.exit_code}: {done.output[-2000:]}"
    if "Traceback" in done.output:
        return done.output[-2000:]
    made = {p.name for p in folder.iterdir()} - before
    if "x" in made:
        return "something was run"
    if done.exit_code == 0 and (bad := not_finite(done.stdout)):
        return f"exit 0 and {bad}"
    return ""


def not_finite(text: str) -> str:
    """NaN and infinities among data on stdout."""
    for line in text.splitlines():
        if line.startswith(("{", "[")):
            for word in ("NaN", "Infinity"):
                if word in line:
                    return f"{word} among the data"
    return ""


def main_of_seeds(first: int, last: int) -> int:
    """Run the cases of some seeds; print those that fail."""
    import tempfile

    failed, started = 0, time.process_time()
    for seed in range(first, last):
        case = case_of(seed)
        if seed % 100 == 0:
            print(f"… seed {seed}, {time.process_time() - started:.0f} s", flush=True)
        with tempfile.TemporaryDirectory() as folder:
            if said := trouble(case, Path(folder)):
                failed += 1
                print(f"--- seed {seed}: {[a[:80] for a in case.arguments]}\n{said[-1500:]}", flush=True)
    print(", ".join(f"{command} {code}: {n}" for (command, code), n in sorted(EXITS.items())))
    print(f"{last - first} cases, {failed} failed, {time.process_time() - started:.0f} s of processor time")
    return failed


if __name__ == "__main__":
    start = int(sys.argv[1])
    sys.exit(bool(main_of_seeds(start, int(sys.argv[2]) if len(sys.argv) > 2 else start + 1)))
