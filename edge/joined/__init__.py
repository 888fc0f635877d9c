"""The parts joined by the settings: with edge/app.py the only modules that know concrete classes."""
