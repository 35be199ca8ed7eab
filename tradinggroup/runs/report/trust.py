"""What the run assumes, and how anybody can check it."""

from __future__ import annotations

from collections.abc import Iterator

from tradinggroup.runs.assumptions import assumption_lines
from tradinggroup.runs.figures import NONE
from tradinggroup.runs.report.html import Html, tag
from tradinggroup.runs.report.material import Material
from tradinggroup.runs.report.parts import badge, definitions, remark, section, table
from tradinggroup.runs.text.statistics import power_lines


def assumptions(material: Material) -> Html:
    """One line an assumption, for exactly the settings of the run."""
    power = " ".join(" ".join(power_lines(material.run)).split())
    return section(
        "assumptions",
        "Assumptions",
        tag("ul", (tag("li", line) for line in assumption_lines(material.header))),
        remark(power) if power else None,
    )


def verification(material: Material) -> Html:
    """The commands that check the run, what was checked, and what identifies it."""
    run_id = material.run.run_id
    commands = [
        (f"tradinggroup verify {run_id}", "runs it again from its recordings, without a network, and compares every row"),
        (f"tradinggroup explain {run_id} SESSION SYMBOL", "one decision from its inputs to its outcome"),
        (f"tradinggroup show {run_id} --costs", "the same orders at no costs, and at twice the costs"),
        (f"tradinggroup report {run_id} --returns returns.csv", "the session returns, to recompute every metric elsewhere"),
    ]
    rows = [[tag("code", command), text] for command, text in commands]
    return section(
        "verify", "How to verify", table(["command", "what it does"], rows, left=2), *_checks(material), definitions(_identity(material))
    )


def _checks(material: Material) -> Iterator[Html]:
    if not material.checks:
        yield remark("Nothing was checked yet: this report was written without any line in checks.jsonl.")
        return
    rows = [
        [
            str(check.get("check", NONE)),
            str(check.get("at", NONE))[:10],
            badge("ok" if check.get("ok") else "failed"),
            ", ".join(f"{key} {check[key]}" for key in ("file", "line", "field") if check.get(key) is not None) or NONE,
        ]
        for check in material.checks
    ]
    yield table(["check", "on", "result", "first difference"], rows, left=4)


def _identity(material: Material) -> Iterator[tuple[str, str]]:
    header = material.header
    git, versions = header.get("git") or {}, header.get("versions") or {}
    yield "bundle", str((header.get("bundle") or {}).get("hash", NONE))
    yield (
        "code",
        f"tradinggroup {versions.get('tradinggroup', NONE)}, "
        f"commit {str(git.get('commit') or NONE)[:12]}{' with changes' if git.get('dirty') else ''}",
    )
    yield "python", str(versions.get("python", NONE))
    yield "models", ", ".join(sorted({str(name) for name in (header.get("models") or {}).values()})) or NONE
