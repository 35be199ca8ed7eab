"""What a person does with recordings: count them, send them, tidy them up, and ask where an answer came from."""
