"""The default profile and the spec's commission."""

from __future__ import annotations

from pathlib import Path

import pytest

from tradinggroup.risk.costs import Commission
from tradinggroup.risk.profile import RiskProfile, load_profile


@pytest.fixture(scope="session")
def profile(repository: Path) -> RiskProfile:
    return load_profile(repository / "risk" / "default.toml")


@pytest.fixture(scope="session")
def commission() -> Commission:
    return Commission(per_share_usd=0.0049, minimum_usd=0.99, maximum_fraction=0.01)
