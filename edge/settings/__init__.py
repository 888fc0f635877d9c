"""Settings: their schema, how the layers of files are loaded, how a file is edited, and the reference pages."""
