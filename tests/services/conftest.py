from tests.stories import postgres, store

__all__ = ["postgres", "store"]
