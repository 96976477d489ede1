"""`gongji dev-certs`: an authority, certificates and a policy for trials."""
