"""The setup wizard: asks for camera, broker, notice and distance, tests each answer, and writes the settings file."""
