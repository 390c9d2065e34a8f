"""Zero-Cost-PT (section 4 of the paper) and the search methods that it is compared with."""
