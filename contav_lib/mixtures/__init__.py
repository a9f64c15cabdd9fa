"""Mix-and-separate: batches of mixtures, the store of clips that they come from, and samplers."""
