"""Random streams: one for each (seed, symbol, session, purpose), so that no draw depends on what was drawn elsewhere."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import TypeVar

import numpy as np

T = TypeVar("T")


def stream(seed: int, *purpose: object) -> np.random.Generator:
    """The generator of one purpose, e.g. `stream(7, "ACME", session, "news")`."""
    name = "|".join(str(part) for part in (seed, *purpose))
    digest = hashlib.blake2b(name.encode("utf-8"), digest_size=16).digest()
    return np.random.default_rng(int.from_bytes(digest, "big"))


def pick(rng: np.random.Generator, options: Sequence[T]) -> T:
    """One of the options, each as likely as the other."""
    return options[int(rng.random() * len(options))]


def shuffled(rng: np.random.Generator, options: Sequence[T]) -> list[T]:
    """The options in a random order."""
    return [options[int(place)] for place in np.argsort(rng.random(len(options)), kind="stable")]
