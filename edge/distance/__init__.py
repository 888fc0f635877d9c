"""How far people are, and how far from each other: by the size of their faces, never by who they are."""
