"""The face detectors: CenterFace converted to TFLite, and a smaller network pruned and distilled from it."""
