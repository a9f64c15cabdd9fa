"""Small tools that know nothing of sound: a registry of named classes, files that are written whole or not at all, paths, devices."""
