"""What the heart tells whoever listens: `facts_changed` after the cells changed (keyword
`generation`), `restored` after a backup was brought back.

`charts` listens; `registry` knows nobody.
"""

from django.dispatch import Signal

facts_changed = Signal()
restored = Signal()
