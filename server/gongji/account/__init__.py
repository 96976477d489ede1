"""What is in a purse (个人账户), and why: credits, premiums paid, balanced entries."""
