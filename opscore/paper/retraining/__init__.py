"""How a discretized supernet's accuracy comes back with retraining (a case study)."""
