"""The episodes of people without a mask, and their alerts."""
