"""Progress: from several threads, on stderr only."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from tradinggroup.cli import progress as module
from tradinggroup.cli.progress import BarProgress, PlainProgress, clock_text, make_progress


@pytest.mark.parametrize(("seconds", "text"), [(0, "0:00"), (8.4, "0:08"), (75, "1:15"), (3600, "1:00:00"), (3725, "1:02:05")])
def test_the_time_left_is_a_clock(seconds: float, text: str) -> None:
    assert clock_text(seconds) == text


def test_plain_lines_come_at_most_once_an_interval(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    now = [100.0]
    monkeypatch.setattr(module, "monotonic_seconds", lambda: now[0])
    progress = PlainProgress(interval_seconds=10)
    progress.start(200, "demo")
    for _ in range(100):
        now[0] += 0.25
        progress.advance()
    progress.message("a word")
    progress.finish()
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.splitlines() == ["demo  20 %  40 of 200  0:40 left", "demo  40 %  80 of 200  0:30 left", "a word"]


def test_the_first_lines_do_not_guess_the_time_left(capsys: pytest.CaptureFixture[str]) -> None:
    progress = PlainProgress(interval_seconds=0)
    progress.start(100, "demo")
    for _ in range(3):
        progress.advance()
    assert capsys.readouterr().err.splitlines()[:2] == ["demo   1 %  1 of 100", "demo   2 %  2 of 100"]


def test_a_run_without_a_unit_of_work(capsys: pytest.CaptureFixture[str]) -> None:
    progress = PlainProgress(interval_seconds=0)
    progress.start(0, "nothing")
    progress.advance()
    progress.finish()
    progress.finish()
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("progress", [PlainProgress(interval_seconds=0), BarProgress()], ids=["plain", "bar"])
def test_many_threads_may_advance(progress: PlainProgress | BarProgress, capsys: pytest.CaptureFixture[str]) -> None:
    progress.finish()
    progress.message("before")
    progress.start(4000, "agents")
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: progress.advance(), range(4000)))
        list(pool.map(progress.message, ["[bold]a[/bold]"] * 8))
    progress.finish()
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("[bold]a[/bold]") == 8
    if isinstance(progress, PlainProgress):
        assert "100 %  4000 of 4000  0:00 left" in captured.err


def test_a_pipe_gets_plain_lines() -> None:
    assert isinstance(make_progress(), PlainProgress)
