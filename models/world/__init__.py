"""The simulated world: pure, deterministic, shipped with the product for the demo, the fast tests and what-if questions."""
