"""`moorage doctor`: looks at everything this installation depends on and says in sentences what is wrong and what to do."""

from app.doctor.checks import Check, Verdict, examine

__all__ = ["Check", "Verdict", "examine"]
