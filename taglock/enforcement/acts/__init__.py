"""What people do on purpose: each act stores its intent before it changes anything, and due work ends what is left."""
