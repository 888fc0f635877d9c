"""Training, as far as it needs no learning library: what is collected, kept out, cut and drawn."""
