"""`make audit`: checks vulnerabilities, licences and telemetry of the locked packages."""
