"""How the shipped models are made; nothing here is installed or imported by edge."""
