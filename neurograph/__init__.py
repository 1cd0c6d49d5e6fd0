"""neurograph: a deployment compiler for spiking graph networks."""
