"""The medical insurance wallet (医保钱包): opened, sent to, accepted, and what goes back."""
