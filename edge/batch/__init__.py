"""One-off use: pictures, folders and videos judged into files."""
