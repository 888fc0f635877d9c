"""Training images that are drawn: masks in every fit over bare faces, and things over a face that are no mask."""
