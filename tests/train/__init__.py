"""Training, except what needs a learning library: manifest, leaks, crops, drawings and calibration."""
