"""How good the models are: labelled datasets, metrics with intervals, and comparisons of two models."""
