"""The five agents: evidence from the view, a prompt from a card, a typed answer (spec 2 to 5, 7)."""
