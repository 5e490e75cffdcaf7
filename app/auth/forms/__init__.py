"""Plain HTML forms for whoever has no session yet: they work without a script."""
