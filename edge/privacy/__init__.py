"""Privacy of passers-by: zones that nothing sees, images in which nobody can be recognised, the sign, and deletion."""
