"""Keys (密钥): a master that wraps, the data keys it wraps, and the algorithms of both."""
