"""Progressive scoring (section 3.2): steps along a search, and what a call returns."""
