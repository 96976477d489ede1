"""Who pays each fen of a bill (结算), decided in the order a bill meets its rules."""
