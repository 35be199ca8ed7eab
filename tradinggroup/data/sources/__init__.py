"""Where data is fetched from: a port, its adapters, and the step that makes a bundle of their answers."""
