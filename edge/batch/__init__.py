"""Images, folders and videos classified into files."""
