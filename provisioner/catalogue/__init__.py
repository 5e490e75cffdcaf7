"""The catalogue of apps: one YAML file a template, and no code. Adding one to this folder is enough to have it."""

from provisioner.catalogue.loading import FOLDER, Problem, load, parse
from provisioner.catalogue.schema import Component, Plan, Template

__all__ = ["FOLDER", "Component", "Plan", "Problem", "Template", "load", "parse"]
