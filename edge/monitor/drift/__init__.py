"""Drift: how far the faces of a place have moved from those that the model was measured on, without any label."""
