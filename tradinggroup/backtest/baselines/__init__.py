"""What the agents are measured against: simple traders on the same engine, sessions and costs."""
