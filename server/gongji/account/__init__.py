"""What is in a purse (个人账户), and why: credits, premiums, balanced entries."""
