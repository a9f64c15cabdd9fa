"""Ways to run many experiments: on the cores of this machine."""
