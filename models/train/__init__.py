"""How the models that ship are made; nothing here is installed, or imported by edge."""
