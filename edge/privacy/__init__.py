"""What keeps passers-by private: zones that nobody sees, and pictures in which nobody can be recognised."""
