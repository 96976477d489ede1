"""Who may use whose account (绑定): application, review, life and end."""
