"""The LangGraph workflow of the five agents and the deterministic steps between them."""
