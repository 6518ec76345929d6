"""Canonical names, aliases and rules, kept as data files. One version counts for all of them
together; a new one has every stored report read again.
"""

VOCABULARY_VERSION = 2
