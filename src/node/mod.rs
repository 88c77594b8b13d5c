//! Wiring: receiver, workers, shutdown.
