"""What happened here: episodes and counts of people over weeks, in a file of the state folder; nothing of a person."""
