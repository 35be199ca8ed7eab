"""A second set of books that recomputes fills, cash and equity, and shares no code with the engine."""
