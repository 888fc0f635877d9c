"""Monitoring of the device itself: stage times, host metrics, the lens and the status report."""
