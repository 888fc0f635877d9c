"""The mask classifier: trained on crops and drawings, fitted, exported to int8, measured and described."""
