"""The answers of W&B's GraphQL server to what its own client asks when runs are read, from this machine alone."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@contextmanager
def serving(runs: list[dict[str, Any]]) -> Iterator[str]:
    """Address of a server with one project, ``team/scaling``. A run has name, config, state, history, last_step."""

    class Answers(BaseHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
            body = json.dumps({"data": answer(asked["query"], asked.get("variables") or {}, runs)}).encode()
            self.send_response(200)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def answer(query: str, variables: dict[str, Any], runs: list[dict[str, Any]]) -> dict[str, Any]:
    """What the server says, as recorded from the queries of wandb 0.31."""
    if "query Viewer" in query or "GetDefaultEntity" in query:
        return {"viewer": {"id": "u", "entity": "team", "username": "u", "email": "u@example.org", "flags": "{}"}}
    if variables.get("project") != "scaling":
        return {"project": None}
    if "query Runs(" in query:
        edges = [{"node": _node(i, run), "cursor": str(i)} for i, run in enumerate(runs)]
        page = {"endCursor": str(len(runs)), "hasNextPage": False}
        found = {"edges": edges, "pageInfo": page}
        return {"project": {"internalId": "1", "runCount": len(runs), "readOnly": False, "runs": found}}
    run = runs[int((variables.get("name") or variables.get("runName") or variables["run"])[1:])]
    if "RunHistoryKeys" in query:
        return {"project": {"run": {"historyKeys": {"lastStep": run["last_step"], "keys": {}}}}}
    if "RunParquetHistory" in query:
        return {"project": {"run": {"parquetHistory": {"parquetUrls": [], "liveData": []}}}}
    if "HistoryPage" in query:
        first, end = int(variables["minStep"]), int(variables["maxStep"])
        rows = [json.dumps(row) for row in run["history"] if first <= row["_step"] < end]
        return {"project": {"run": {"history": rows}}}
    raise AssertionError(f"not recorded: {query}")


def _node(i: int, run: dict[str, Any]) -> dict[str, Any]:
    empty = dict.fromkeys(("sweepName", "group", "jobType", "commit", "description", "notes"))
    when = "2026-01-01T00:00:00Z"
    return {
        **empty,
        "id": f"id{i}",
        "projectId": "1",
        "name": f"r{i}",
        "displayName": run["name"],
        "state": run["state"],
        "tags": [],
        "readOnly": False,
        "createdAt": when,
        "heartbeatAt": when,
        "historyLineCount": len(run["history"]),
        "historyKeys": {"lastStep": run["last_step"], "keys": {}},
        "config": json.dumps({k: {"value": v} for k, v in run["config"].items()}),
        "systemMetrics": "{}",
        "summaryMetrics": "{}",
        "user": {"name": "u", "username": "u"},
    }
