"""Stage 3: in which order distinct expressions are computed, and what neighbours share."""
