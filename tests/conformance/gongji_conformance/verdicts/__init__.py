"""The verdict of each law and case, in the light of what is known to fail, and how a failure is told."""
