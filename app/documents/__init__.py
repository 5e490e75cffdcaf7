"""Documents on paper: their words, and the program that sets them as PDF."""
