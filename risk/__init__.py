"""What the scripts share: the ground, and ten packages that each have one subject."""
