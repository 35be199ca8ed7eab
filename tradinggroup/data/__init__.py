"""The bundle, the exchange calendar, and the as-of view: the only door to data."""
