"""The command line: one file per command, each of which parses, calls a lower room, and prints."""
