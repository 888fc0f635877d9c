"""The composition root: the only modules that know concrete classes, joined by the settings."""
