"""Projects: a source tree on this machine, its container, its keys, its port. Nothing of one ever runs on the host."""
