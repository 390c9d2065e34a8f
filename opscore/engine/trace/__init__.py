"""Stage 1: what a network computes, as a graph of calls with its choices as single nodes."""

from opscore.engine.trace.graph import (
    Candidate,
    CannotTraceError,
    Rectifier,
    Trace,
    hooked,
    mix,
    modules_of,
    overwrites,
    place_of,
    shape_of,
)
from opscore.engine.trace.known import read_once, reading, ships, trace

__all__ = [
    "Candidate",
    "CannotTraceError",
    "Rectifier",
    "Trace",
    "hooked",
    "mix",
    "modules_of",
    "overwrites",
    "place_of",
    "read_once",
    "reading",
    "shape_of",
    "ships",
    "trace",
]
