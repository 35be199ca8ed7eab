"""tradinggroup: a multi-agent LLM trading backtester that people can trust."""

from __future__ import annotations

__version__ = "0.1.0"
