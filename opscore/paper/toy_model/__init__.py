"""The toy model of section 3.2: perturbation against discretization as a network gets deeper."""
