"""Milliseconds per decision with the rule-based analyst, beside the floor measured in the same process.

The floor is the same graph with empty nodes, invoked at every close of an otherwise empty backtrader loop over the same
sessions, through the same event loop. Real symbols where ../shared is beside the checkout, else the bundled market.

    python benchmarks/overhead.py [--runs 3] [--limit 10]
"""

from __future__ import annotations

import argparse
import gc
import resource
import statistics
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path

from tradinggroup.backtest.engine import run_account
from tradinggroup.backtest.market import market_of
from tradinggroup.data.bundle import Bundle
from tradinggroup.data.importing import import_folder
from tradinggroup.desk import graph
from tradinggroup.experiment import load_experiment
from tradinggroup.models.loop import LoopThread
from tradinggroup.project import Project
from tradinggroup.risk.costs import Commission
from tradinggroup.runs.execute import RunOptions, run_experiment

ROOT = Path(__file__).resolve().parent.parent
REAL = ROOT.parent / "shared" / "data"
SYMBOLS = ["TSLA", "NFLX", "AMZN", "MSFT", "COIN"]
