"""Initial scoring (section 3.2, iteration 0): its units, and what a call returns."""
