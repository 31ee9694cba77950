"""`make audit`: what is known of the locked packages: holes, licences, and what they would send."""
