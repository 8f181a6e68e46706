"""What `tugbot doctor` looks at, one module per subject."""
