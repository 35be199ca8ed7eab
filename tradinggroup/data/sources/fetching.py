"""Documents of the web for sources: asked politely, kept on disk, never half.

What is kept is asked for again only where it can have changed, and then with the conditions that the server gave (ETag,
Last-Modified). A server that is busy or broken is asked a few times more, after the time it names; an answer that is no usable
document is an error at once, and nothing of it is kept. Files are written whole, so that a second process, or one that goes on
after a kill, reads what the first has finished.
"""

from __future__ import annotations

import gzip
import os
import time
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import orjson

from tradinggroup.clock import iso_utc, monotonic_seconds, parse_utc, utc_now
from tradinggroup.errors import DataError, ErrorCode

MOST_TRIES = 5
FIRST_WAIT_SECONDS = 1.0
LONGEST_WAIT_SECONDS = 60.0
TIMEOUT_SECONDS = 30.0
BUSY = (408, 425, 429, 500, 502, 503, 504)


@dataclass(frozen=True, slots=True)
class Document:
    """One document and when it was last known to be so."""

    content: bytes
    retrieved_at: datetime
    sha256: str


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes


class Fetcher:
    """One source's documents. `requests` counts what was sent; `files` keeps the hash of every document used, by address."""

    def __init__(
        self,
        source: str,
        folder: Path,
        *,
        headers: Mapping[str, str],
        most_per_second: float,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._source = source
        self._folder = folder
        self._headers = dict(headers)
        self._interval_seconds = 1 / most_per_second
        self._sleep = sleep
        self._next_at = 0.0
        self._client: Any = None
        self.requests = 0
        self.files: dict[str, str] = {}

    def close(self) -> None:
        """Close the connections; the next document opens them again."""
        if self._client is not None:
            self._client.close()
            self._client = None

    def json(self, url: str, *, needs: str, known_through: datetime | None = None) -> dict[str, Any]:
        """The object at `url`, which must have the key `needs`. See `document`."""
        found: dict[str, Any] = orjson.loads(
            self.document(url, known_through=known_through, fault=lambda body: _json_fault(body, needs)).content
        )
        return found

    def document(self, url: str, *, known_through: datetime | None = None, fault: Callable[[bytes], str | None] | None = None) -> Document:
        """The document at `url`.

        `known_through`: a kept one that was retrieved at or after this moment is used without asking; None for a document
        that never changes. `fault` says what is wrong with a body, None for nothing. Raises DataError (SOURCE_FAILED).
        """
        kept, conditions = self._kept(url)
        if kept is not None and (known_through is None or kept.retrieved_at >= known_through):
            self.files[url] = kept.sha256
            return kept
        found = self._asked(url, kept, conditions, fault)
        self.files[url] = found.sha256
        return found

    def failed(self, url: str, reason: str) -> DataError:
        """The error for an answer that cannot be used."""
        return DataError(
            ErrorCode.SOURCE_FAILED,
            f"{self._source} gave no usable answer ({reason})",
            url=url.partition("?")[0],
            remedy="Try again later: what was fetched is kept, and no bundle was written.",
        )

    # -- asking ----------------------------------------------------------------------------------------------------

    def _asked(
        self, url: str, kept: Document | None, conditions: Mapping[str, str], fault: Callable[[bytes], str | None] | None
    ) -> Document:
        reason, wait_seconds = "", FIRST_WAIT_SECONDS
        for attempt in range(MOST_TRIES):
            if attempt:
                self._sleep(min(wait_seconds, LONGEST_WAIT_SECONDS))
                wait_seconds = FIRST_WAIT_SECONDS * 2**attempt
            retrieved_at = utc_now()
            answer, reason = self._sent(url, conditions if kept else {})
            if answer is None:
                continue
            if answer.status not in BUSY:
                return self._taken(url, answer, kept, retrieved_at, fault)
            reason = f"status {answer.status}"
            wait_seconds = _retry_after(answer.headers.get("retry-after"), retrieved_at) or wait_seconds
        raise self.failed(url, f"{reason}, {MOST_TRIES} times")

    def _sent(self, url: str, conditions: Mapping[str, str]) -> tuple[_Answer | None, str]:
        """The whole answer and no reason, or none and the reason."""
        import httpx2

        if self._client is None:
            self._client = httpx2.Client(
                headers={"Accept-Encoding": "gzip", **self._headers}, timeout=TIMEOUT_SECONDS, follow_redirects=True
            )
        wait_seconds = self._next_at - monotonic_seconds()
        if wait_seconds > 0:
            time.sleep(wait_seconds)
        self._next_at = monotonic_seconds() + self._interval_seconds
        self.requests += 1
        try:
            with self._client.stream("GET", url, headers=dict(conditions)) as response:
                raw = b"".join(response.iter_raw())  # the library's own decoder takes a body that was cut short for a whole one
            body = gzip.decompress(raw) if response.headers.get("content-encoding", "") == "gzip" else raw
            return _Answer(response.status_code, response.headers, body), ""
        except (EOFError, gzip.BadGzipFile, zlib.error):
            return None, "a gzip body that was cut short"
        except (httpx2.HTTPError, httpx2.InvalidURL) as problem:
            return None, f"{type(problem).__name__}: {(str(problem).splitlines() or ['no reason given'])[0].rstrip('.')}"

    def _taken(
        self, url: str, answer: _Answer, kept: Document | None, retrieved_at: datetime, fault: Callable[[bytes], str | None] | None
    ) -> Document:
        if answer.status == 304 and kept is not None:
            self._keep(url, kept.content, retrieved_at, answer.headers)
            return Document(kept.content, retrieved_at, kept.sha256)
        if answer.status != 200:
            raise self.failed(url, f"status {answer.status}")
        body = answer.body
        wrong = "an empty answer" if not body.strip() else fault(body) if fault else None
        if wrong:
            raise self.failed(url, wrong)
        self._keep(url, body, retrieved_at, answer.headers)
        return Document(body, retrieved_at, _digest(body))

    # -- keeping ---------------------------------------------------------------------------------------------------

    def _kept(self, url: str) -> tuple[Document | None, dict[str, str]]:
        """What is kept of `url`, and the conditions to ask for news of it with; a file that was harmed counts as none."""
        body, facts = self._paths(url)
        try:
            content, known = body.read_bytes(), orjson.loads(facts.read_bytes())
            if known["sha256"] != _digest(content):
                return None, {}
            return Document(content, parse_utc(known["retrieved_at"]), known["sha256"]), dict(known["conditions"])
        except (OSError, ValueError, KeyError, TypeError):
            return None, {}

    def _keep(self, url: str, content: bytes, retrieved_at: datetime, headers: Mapping[str, str]) -> None:
        names = {"etag": "If-None-Match", "last-modified": "If-Modified-Since"}
        conditions = {names[name]: headers[name] for name in names if name in headers}
        facts = {"url": url, "retrieved_at": iso_utc(retrieved_at), "sha256": _digest(content), "conditions": conditions}
        body_path, facts_path = self._paths(url)
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            write_whole(body_path, content)
            write_whole(facts_path, orjson.dumps(facts))
        except OSError as problem:
            raise DataError(
                ErrorCode.BUNDLE_UNWRITABLE,
                f"what was fetched cannot be kept: {problem.strerror or problem}",
                folder=self._folder,
                remedy="Make room or give write permission; no bundle was written.",
            ) from problem

    def _paths(self, url: str) -> tuple[Path, Path]:
        name = sha256(url.encode()).hexdigest()[:32]
        return self._folder / f"{name}.body", self._folder / f"{name}.json"


def write_whole(path: Path, content: bytes) -> None:
    """Write `path` so that a reader sees the old content or the new one. Raises OSError."""
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    partial.write_bytes(content)
    partial.replace(path)


def _digest(content: bytes) -> str:
    return "sha256:" + sha256(content).hexdigest()


def _retry_after(text: str | None, now: datetime) -> float | None:
    """Seconds of a Retry-After header, which names seconds or a date; None where it says nothing usable."""
    if not text:
        return None
    if text.strip().isdigit():
        return float(text)
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    return max(0.0, (moment.astimezone(UTC) - now).total_seconds())


def _json_fault(body: bytes, needs: str) -> str | None:
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError:
        return "HTML in place of JSON" if body.lstrip()[:1] == b"<" else "not JSON"
    return None if isinstance(value, dict) and needs in value else f"no {needs} in the answer"
