"""Views drawn for tests."""

from __future__ import annotations

from soundkin.recipe.views import draw_views


def drawn_twice(how, sounds, generator):
    """Two draws from one state of the generator, after an earlier draw."""
    draw_views(how, sounds, generator)
    state = generator.get_state()
    first = draw_views(how, sounds, generator)
    generator.set_state(state)
    return first, draw_views(how, sounds, generator)
