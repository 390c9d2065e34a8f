"""An example of a package that adds to opscore: each file registers one thing on import."""
