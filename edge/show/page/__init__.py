"""The web page: what a browser may ask for, who is let in, and how news and pictures are sent to many at once."""
