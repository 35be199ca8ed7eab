"""A real OpenAI-compatible server (llama.cpp, from the package `xllamacpp`) over a tiny random model, for tests.

from tests.models.real_server import running_server
with running_server(tmp_path) as url: ...          # url ends in /v1; skips the test where xllamacpp is not there
"""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

START_SECONDS = 60


@contextmanager
def running_server(
    folder: Path,
    *,
    slots: int = 4,
    context_tokens: int = 16_384,
    api_key: str | None = None,
    alias: str = "tiny",
    ending_share: float = 0.2,
    embeddings: bool = False,
    tools: bool = False,
) -> Iterator[str]:
    """The server as a child process, with its model and its log in `folder`. Its address, with `/v1`, is given."""
    if importlib.util.find_spec("xllamacpp") is None or importlib.util.find_spec("gguf") is None:
        pytest.skip("no xllamacpp or gguf for this system: a real model server cannot be started")
    from tests.models.tiny_model import write_tiny_model

    model = folder / f"tiny-{ending_share:g}-{tools:d}.gguf"
    write_tiny_model(model, ending_share=ending_share, tools=tools)
    ready = folder / "server-address"
    ready.unlink(missing_ok=True)
    options = {
        "model": str(model), "ready": str(ready), "slots": slots, "context_tokens": context_tokens, "api_key": api_key, "alias": alias,
        "embeddings": embeddings,
    }  # fmt: skip
    log = folder / "server.log"
    with log.open("wb") as output:
        child = subprocess.Popen(
            [sys.executable, str(Path(__file__).resolve()), json.dumps(options)], stdin=subprocess.PIPE, stdout=output, stderr=output
        )
        try:
            yield _address_when_ready(child, ready, log) + "/v1"
        finally:
            child.kill()
            child.wait()
            if child.stdin is not None:
                child.stdin.close()


def _address_when_ready(child: subprocess.Popen[bytes], ready: Path, log: Path) -> str:
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end:
        if child.poll() is not None:
            raise RuntimeError(f"the server ended with {child.returncode}: {log.read_text(encoding='utf-8', errors='replace')[-2000:]}")
        if ready.exists() and _is_well(ready.read_text(encoding="utf-8")):
            return ready.read_text(encoding="utf-8")
        time.sleep(0.02)
    raise TimeoutError(f"the server was not ready within {START_SECONDS} s")


def _is_well(address: str) -> bool:
    try:
        with urllib.request.urlopen(f"{address}/health", timeout=2) as reply:
            return bool(json.load(reply).get("status") == "ok")
    except (OSError, ValueError):
        return False


def _serve(options: dict[str, Any]) -> None:
    """The child: serve until the parent is gone, which closes our stdin."""
    import xllamacpp

    parameters = xllamacpp.CommonParams()
    parameters.model.path = options["model"]
    parameters.model_alias = {options["alias"]}
    parameters.hostnames = ["127.0.0.1"]
    parameters.port = 0
    parameters.n_parallel = options["slots"]
    parameters.n_ctx = options["context_tokens"] * options["slots"]
    parameters.cpuparams.n_threads = parameters.cpuparams_batch.n_threads = 1
    # With fewer threads than connections, a request waits seconds for one.
    parameters.n_threads_http = 64
    parameters.cache_ram_mib = 64
    if options["embeddings"]:
        parameters.embedding = True
        parameters.pooling_type = xllamacpp.llama_pooling_type.LLAMA_POOLING_TYPE_MEAN
    if options["api_key"]:
        parameters.api_keys = [options["api_key"]]
    server = xllamacpp.Server(parameters)
    ready = Path(options["ready"])
    partial = ready.with_suffix(".part")
    partial.write_text(server.listening_address, encoding="utf-8")
    partial.replace(ready)
    threading.Thread(target=lambda: (sys.stdin.buffer.read(), os._exit(0)), daemon=True).start()
    threading.Event().wait()


if __name__ == "__main__":
    _serve(json.loads(sys.argv[1]))
