"""Bills paid by oneself are claimed on paper (手工结算): handed in, reviewed, decided, paid."""
