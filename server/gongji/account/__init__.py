"""What is in a personal account (个人账户), and why."""
