"""What the scripts share: the ground, and eleven packages that each have one subject."""
