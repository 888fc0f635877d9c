"""What goes out over MQTT: scenes become messages, messages wait in an outbox, one link sends them."""
