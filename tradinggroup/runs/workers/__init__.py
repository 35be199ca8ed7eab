"""The desks of many symbols in several processes, with the same bytes for any number."""
