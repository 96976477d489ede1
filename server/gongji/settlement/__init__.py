"""Who pays each fen of a bill (结算), in the order a bill meets its rules."""
