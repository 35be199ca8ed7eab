"""The page about models says what the code does."""

from __future__ import annotations

import re
from pathlib import Path

from tradinggroup.models.port import FailureKind


def test_the_table_of_failures_is_the_enum(repository: Path) -> None:
    page = (repository / "docs" / "models.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+)` \| (model|server) \| [^|]+ \| (yes|no) \|$", page, re.MULTILINE)
    assert rows == [(str(kind), "server" if kind.is_provider else "model", "yes" if kind.is_repairable else "no") for kind in FailureKind]
