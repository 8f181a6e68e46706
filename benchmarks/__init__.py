"""Measurements and endurance: figures that claims rest on."""
