"""Files are whole or as they were: through kills, full disks and refusals."""

import json
import os
import resource
import signal
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

import quokka_laws as ql
from quokka_laws.exceptions import OutputError
from quokka_laws.writing import check_writable, csv_text, make_folder, write_atomically

FIT = Path(__file__).parent / "results" / "version1" / "chinchilla.json"
WRITERS = {
    "fit": "fit.to_json(path)",
    "explorer": "ql.write_explorer([fit], path)",
    "report": "ql.report(fit, output=path)",
    "figure": "from quokka_laws.reporting import plot; plot.save(plot.residuals(fit), path)",
}

NAMES = {"fit": "fit.json", "explorer": "explore.html", "report": "report.md", "figure": "residuals.png"}


def test_text_bytes_modes_and_links(tmp_path: Path) -> None:
    target = tmp_path / "a.txt"
    assert write_atomically(target, "ü\r\n") == target
    assert target.read_bytes() == "ü\r\n".encode()
    mask = os.umask(0)
    os.umask(mask)
    assert target.stat().st_mode & 0o777 == 0o666 & ~mask
    target.chmod(0o640)
    (tmp_path / "link").symlink_to(target)
    write_atomically(tmp_path / "link", b"\x00")
    assert (tmp_path / "link").is_symlink()
    assert target.read_bytes() == b"\x00"
    assert target.stat().st_mode & 0o777 == 0o640
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.txt", "link"]


def test_a_pipe_is_written_as_it_is(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with subprocess.Popen(["cat", str(tmp_path / "pipe")], stdout=subprocess.PIPE) as reader:
        write_atomically(tmp_path / "pipe", "x")
        assert reader.communicate()[0] == b"x"
    assert (tmp_path / "pipe").is_fifo()


@pytest.mark.parametrize("bad", ["none/a.json", ".", "a\x00b", "/proc/nothing.json", "x" * 300])
def test_what_cannot_be_written_is_said_before_and_when(tmp_path: Path, bad: str) -> None:
    path = tmp_path / bad if not bad.startswith("/") else Path(bad)
    with pytest.raises(OutputError) as caught:
        write_atomically(path, "x")
    assert str(path) in str(caught.value)
    if bad != "x" * 300:  # a name that is too long shows when it is written
        with pytest.raises(OutputError):
            check_writable(path)


def test_folders(tmp_path: Path) -> None:
    assert make_folder(tmp_path / "a" / "b").is_dir()
    (tmp_path / "file").write_text("x")
    with pytest.raises(OutputError, match="is a file; name a folder"):
        make_folder(tmp_path / "file")


def limited(code: str, folder: Path, size: int) -> subprocess.CompletedProcess[str]:
    """Python code in a process whose files cannot grow beyond a size, as on a full disk."""

    def full_disk() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))

    return subprocess.run(
        [sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, preexec_fn=full_disk, timeout=300
    )  # fmt: skip


def program(writer: str, path: str, repeats: str = "1") -> str:
    return f"""
import quokka_laws as ql
from quokka_laws.exceptions import OutputError
fit, path = ql.read_fit({str(FIT)!r}), {path!r}
print('ready', flush=True)
for _ in range({repeats}):
    {WRITERS[writer]}
"""


@pytest.mark.parametrize("writer", ["fit", "explorer", "figure"])
def test_a_full_disk_leaves_the_old_file(tmp_path: Path, writer: str) -> None:
    path = tmp_path / NAMES[writer]
    path.write_bytes(b"old" * 5000)
    done = limited(program(writer, path.name), tmp_path, 700)
    assert done.returncode == 1
    assert f"OutputError: {path.name}: cannot be written (File too large)" in done.stderr
    assert path.read_bytes() == b"old" * 5000
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


RANDOM_MOMENTS = """
import os, random, resource, signal, sys, time
import quokka_laws as ql
fit, path, rng = ql.read_fit({fit!r}), {path!r}, random.Random(0)

def write():
    {writer}

write()
whole = open(path, "rb").read()
damaged = 0
for i in range(2 * {times}):
    child = os.fork()
    if not child:
        if i % 2:  # a full disk, at some byte
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            size = rng.randrange(len(whole))
            resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
            try:
                write()
            except ql.QuokkaError:
                os._exit(3)
            os._exit(0)
        while True:
            write()
    if not i % 2:
        time.sleep(rng.uniform(0, {longest}))
        os.kill(child, signal.SIGKILL)
    rng.random()
    _, status = os.waitpid(child, 0)
    assert i % 2 == 0 or os.waitstatus_to_exitcode(status) == 3, status
    damaged += open(path, "rb").read() != whole
print("damaged:", damaged)
"""


@pytest.mark.slow
@pytest.mark.parametrize("writer", WRITERS)
def test_kills_and_full_disks_at_thirty_moments_leave_a_whole_file(tmp_path: Path, writer: str) -> None:
    path = str(tmp_path / NAMES[writer])
    code = RANDOM_MOMENTS.format(fit=str(FIT), path=path, writer=WRITERS[writer], times=30, longest=0.2)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=3000)
    assert done.stdout == "damaged: 0\n", done.stderr


def test_cells_that_a_spreadsheet_would_run() -> None:
    table = pd.DataFrame({"run_id": ["=1+1", "@SUM(A1)", "-3.5", "+x", "plain", None], "N": [-1.0] * 6, "=x": 1})
    lines = csv_text(table).split("\n")
    assert lines[0] == "run_id,N,'=x"
    assert [line.split(",")[0] for line in lines[1:7]] == ["'=1+1", "'@SUM(A1)", "-3.5", "'+x", "plain", ""]
    assert table["run_id"][0] == "=1+1"


def test_the_fit_goes_to_stdout_when_its_file_cannot_be_written(tmp_path: Path) -> None:
    rows = [
        "N,D,loss",
        *(f"{n:g},{d:g},{1.8 + 480 / n**0.35 + 2100 / d**0.37}" for n in (1e7, 1e8, 1e9) for d in (1e9, 1e10, 1e11)),
    ]
    (tmp_path / "runs.csv").write_text("\n".join(rows) + "\n")
    (tmp_path / "fit.json").write_text("old")
    code = "import sys; sys.argv = 'quokka-laws fit runs.csv --bootstrap 0 -o fit.json -q'.split(); from quokka_laws.cli.app import main; main()"
    done = limited(code, tmp_path, 1000)
    assert done.returncode == 1
    assert "fit.json: cannot be written (File too large)" in done.stderr
    assert (tmp_path / "fit.json").read_text() == "old"
    found = next(line for line in done.stdout.splitlines() if line.startswith("{"))
    assert ql.read_fit(json.loads(found)).values["E"] == pytest.approx(1.8, abs=1e-3)


def test_an_output_that_cannot_be_written_is_refused_before_the_fit(tmp_path: Path) -> None:
    code = "import sys; sys.argv = 'quokka-laws fit none.csv -o /proc/x/fit.json'.split(); from quokka_laws.cli.app import main; main()"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300)
    assert done.returncode == 1
    assert "/proc/x" in done.stderr
    assert "none.csv" not in done.stderr
