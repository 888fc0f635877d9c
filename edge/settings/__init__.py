"""Settings: the schema with types, bounds and defaults, how files are loaded in layers, and how a file is edited."""
