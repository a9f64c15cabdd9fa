"""Small tools that know nothing of sound: registries, files that are written whole or not at all, paths, devices."""
