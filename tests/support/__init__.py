"""What tests share: fakes, real brokers, screens and services. No test module is imported by another."""
