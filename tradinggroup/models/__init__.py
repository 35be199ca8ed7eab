"""The model port: OpenAI-compatible servers, the rule-based analyst, recordings, structured output."""
