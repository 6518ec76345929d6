"""Canonical names and aliases, as data files with a version; a new version has every stored report
read again.
"""

from registry.vocabulary import virtualization

VOCABULARY_VERSION = virtualization.VERSION
