"""What programs read, and the words of the OpenAPI description that all apps share."""
