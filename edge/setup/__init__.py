"""The setup wizard: asks for camera, broker, notice and distance, tries each answer, and writes the settings file."""
