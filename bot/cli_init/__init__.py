"""`tugbot init …`: setting a chat network up from a terminal, verified before anything is stored."""
