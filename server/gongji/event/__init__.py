"""What happens (事件): events made of the log and the calendar, in order, and where a reader is."""
