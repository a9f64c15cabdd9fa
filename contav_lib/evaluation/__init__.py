"""How good a separator is: metrics, the task matrix, intervals."""
