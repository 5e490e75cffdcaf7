"""Tests. A package, because the wheel of midtransclient brings one of this name, which would come before a folder without this file."""
