"""The verdict of each law and case, what is known to fail, how a failure is written."""
