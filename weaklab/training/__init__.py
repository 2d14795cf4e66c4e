"""Training a committee on manual labels, what each member contributed, and work in the background."""
