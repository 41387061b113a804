"""Azure Resource Manager: GET and list of the resources that run images."""
