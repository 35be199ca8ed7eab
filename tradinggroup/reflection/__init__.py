"""Outcomes, cases, lessons and their store: what past forecasts and decisions teach, visible from the moment it is known."""
