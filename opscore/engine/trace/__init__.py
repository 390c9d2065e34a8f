"""Stage 1: what a network computes, as a graph of calls with its choices as single nodes."""
