"""The web page: what a browser may request, who is let in, and how one stream is sent to many browsers."""
