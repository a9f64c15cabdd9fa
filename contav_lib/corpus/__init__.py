"""Clips: the embedded data set MiniMUSIC, folders of videos, and what is prepared from either."""

# Goes up whenever the same seed would give other clips, and `config.RESULTS_VERSION` with it.
MINIMUSIC_VERSION = 3
