"""Files that run a project without us: what they are made of, and their texts. Nothing here has an effect."""
