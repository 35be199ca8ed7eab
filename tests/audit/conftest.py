"""Whole runs of these tests are cross-checked with a second set of books."""

from tests.support.books import books_of_whole_runs  # noqa: F401 (a fixture)
