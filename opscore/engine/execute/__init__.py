"""Stage 4: the numbers, by signs of rectifiers, by a flow forward, or under autograd."""
