"""Label faces in photographs of people who were asked: a local page, and the listing that training and tests read."""
