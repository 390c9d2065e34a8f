"""Stage 2: what the network is under the weights of each state, as expressions."""
