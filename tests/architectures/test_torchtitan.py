"""The package that torchtitan's --module selects holds each job once, and a script per run names its jobs in order."""

from __future__ import annotations

import ast
import json
import subprocess
from pathlib import Path

from quokka_laws.architectures.torchtitan import PACKAGE, write_package


def test_a_package_and_a_script_per_run(tmp_path: Path) -> None:
    jobs = {run: [{"name": f"run_{run}_{i}", "folder": f"{run}-{i}", "steps": 10 * i} for i in (1, 2)] for run in "ab"}
    scripts = write_package(tmp_path, jobs)
    assert [s.stem for s in scripts] == ["a", "b"]
    assert json.loads((tmp_path / PACKAGE / "jobs.json").read_text()) == jobs["a"] + jobs["b"]
    ast.parse((tmp_path / PACKAGE / "config_registry.py").read_text())
    for script in scripts:
        assert subprocess.run(["bash", "-n", str(script)], check=False).returncode == 0
        lines = [line for line in script.read_text().splitlines() if line.startswith("job run_")]
        assert lines == [f"job {j['name']} {j['folder']} {j['steps']}" for j in jobs[script.stem]]
