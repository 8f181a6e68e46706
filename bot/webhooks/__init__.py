"""What forges tell us over HTTP: who signed it, what it is about, and the words that an agent is given for it."""
