"""The generator of the embedded data set MiniMUSIC: composed music, sampled instruments, drawn players."""

# Goes up whenever the same seed would give other clips, and `config.RESULTS_VERSION` with it.
MINIMUSIC_VERSION = 3
