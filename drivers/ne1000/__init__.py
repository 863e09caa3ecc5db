"""New Era NE-1000 syringe pump. Its manual forbids use on humans: a bench and reference pump, never for a patient."""

from drivers.ne1000.driver import Ne1000

__all__ = ["Ne1000"]
