"""The report in a real browser without a window: no console message, no request, links that open what they point to."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import NamedTuple

import orjson
import pytest

from tests.runs.factory import HOSTILE, make_project, make_run
from tradinggroup.runs.folder import RunFolder
from tradinggroup.runs.report.page import report

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
QUIET = (
    "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-component-update",
    "--disable-sync", "--disable-extensions", "--disable-dev-shm-usage", "--enable-logging=stderr",
    "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1",
)  # fmt: skip
BY_THE_BROWSER = "not an origin"
"""Who asks for what no page did: a browser looks for its own updates."""


class Visit(NamedTuple):
    dom: str
    console: list[str]
    requests: list[str]


@pytest.fixture(scope="module")
def browser() -> str:
    found = next((path for name in NAMES if (path := shutil.which(name))), None)
    if found is None:
        pytest.skip(f"no browser on this machine: none of {', '.join(NAMES)}")
    return found


def visit(browser: str, page: Path, place: str = "") -> Visit:
    """Open a page and say what came of it."""
    log = page.with_suffix(".netlog")
    done = subprocess.run(
        [browser, *QUIET, f"--user-data-dir={page.parent / 'profile'}", f"--log-net-log={log}", "--dump-dom", f"{page.as_uri()}{place}"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    if "<html" not in done.stdout:
        pytest.skip(f"the browser does not start here: {done.stderr[-200:]}")
    events = json.loads(log.read_text(encoding="utf-8", errors="replace"))["events"]
    asked = [event["params"] for event in events if event.get("params", {}).get("initiator", BY_THE_BROWSER) != BY_THE_BROWSER]
    return Visit(
        done.stdout,
        [line for line in done.stderr.splitlines() if "CONSOLE" in line],
        sorted({str(each["url"]) for each in asked}),
    )


def opened(dom: str, name: str) -> bool:
    return re.search(rf'<details id="{name}"[^>]* open=""', dom) is not None


def test_the_report_runs_quietly_and_opens_what_a_link_names(browser: str, tmp_path: Path) -> None:
    run = make_run(make_project(tmp_path / "project"), note=HOSTILE)
    path = run.path / "decisions.jsonl"
    lines = [orjson.loads(line) for line in path.read_bytes().splitlines()]
    for line in lines:
        line["forecasting"]["reasoning"] = '"><img src="http://127.0.0.1:9/x" onerror="console.log(1)"><script>console.log(2)</script>'
    path.write_bytes(b"".join(orjson.dumps(line) + b"\n" for line in lines))
    page = tmp_path / "report.html"
    page.write_text(report(RunFolder.open(run.path)), encoding="utf-8")
    seen = visit(browser, page, "#d-ACME-2023-09-11")
    assert (seen.console, seen.requests) == ([], [])
    assert opened(seen.dom, "d-ACME-2023-09-11")
    assert not opened(seen.dom, "d-BOLT-2023-09-11")
    assert "<output>16 of 16</output>" in seen.dom  # the script ran
    assert seen.dom.count('class="sortable') + seen.dom.count("sortable") > 20


def test_the_probe_sees_a_request_and_a_message(browser: str, tmp_path: Path) -> None:
    page = tmp_path / "loud.html"
    page.write_text('<html><img src="http://127.0.0.1:9/x"><script>console.error("loud")</script></html>', encoding="utf-8")
    seen = visit(browser, page)
    assert any("loud" in line for line in seen.console)
    assert seen.requests == ["http://127.0.0.1:9/x"]
