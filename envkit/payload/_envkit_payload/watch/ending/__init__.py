"""What ended the script."""
