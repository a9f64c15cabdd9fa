"""A look inside trained separators: features of sources, similarities, recognition of classes."""
