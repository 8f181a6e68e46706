"""Tugbot: steer coding agents from chat."""
